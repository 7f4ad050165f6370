"""Parity: each layer beside its reference, and a wrong one found, whoever made it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tf_keras

import spikeport
from keras_models import samples_for, with_random_weights
from model_cases import MODELS
from spikeport import layer_parity, preparation
from spikeport.cli import main
from spikeport.converter.ops import Conv, Dense, Identity
from spikeport.converter.passes import run_passes

FILES, KERAS = "the graph before the passes", "Keras"
SHAPE = (7, 6, 2)
X = samples_for((SHAPE,), "parity", 4)


def small_model(library: Any = keras, *, first: bool = False) -> Any:
    """Two convolutions and a Dense layer, on channels that come last or first; the first one takes up its norm."""
    layers = library.layers
    order = {"data_format": "channels_first" if first else "channels_last"}
    x = library.Input(SHAPE[::-1] if first else SHAPE)
    y = layers.Conv2D(4, 3, name="conv1", **order)(x)
    y = layers.ReLU(name="relu1")(layers.BatchNormalization(name="norm", axis=1 if first else -1)(y))
    y = layers.Conv2D(3, 2, activation="relu", name="conv2", **order)(y)
    y = layers.Dense(3, name="scores")(layers.Flatten(name="flat", **order)(y))
    return with_random_weights(library.Model(x, y), "parity")


@pytest.fixture(scope="module")
def model() -> Any:
    return small_model()


@pytest.fixture(scope="module")
def path(model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("parity") / "model.keras"
    model.save(path)
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("parity") / "data.npz"
    np.savez(path, x=X)
    return path


def names(result: spikeport.Parity) -> list[str]:
    return [row.layer for row in result.layers]


def wrong_second_convolution() -> spikeport.LayerRegistry:
    """A registry whose convolution of three filters is wrong by a hundredth."""
    layers = spikeport.LAYERS.child()

    @layers.register("Conv2D")
    def conv2d(call: spikeport.LayerCall) -> Any:
        conv, *rest = spikeport.LAYERS.lower(call)
        assert isinstance(conv, Conv)
        factor = 1.01 if conv.kernel.shape[-1] == 3 else 1.0
        return replace(conv, kernel=conv.kernel * np.float32(factor)), *rest

    return layers


class TestSound:
    @pytest.mark.parametrize("library", [keras, tf_keras], ids=lambda library: library.__name__)
    def test_a_live_model_is_compared_with_itself_layer_by_layer(self, library: Any) -> None:
        result = spikeport.parity(small_model(library), X)
        assert (result.reference, result.samples) == (KERAS, 4)
        assert names(result)[:6] == ["conv1", "norm", "relu1", "conv2", "flat", "scores"]
        assert len(result.layers) == 7  # and the output
        assert result.first_difference is None
        assert all(row.correlation == pytest.approx(1) for row in result.layers)

    def test_a_file_is_compared_with_the_graph_before_the_passes(self, path: Path) -> None:
        result = spikeport.parity(path, X)
        assert result.reference == FILES
        assert result.first_difference is None
        assert {"relu1", "conv2", "scores"} <= set(names(result))
        assert {"conv1", "norm"}.isdisjoint(names(result))  # the passes made one of them

    @pytest.mark.parametrize("suffix", [".keras", ".h5"])
    def test_keras_loads_a_file_where_it_is_asked_to(self, model: Any, suffix: str, tmp_path: Path) -> None:
        path = tmp_path / f"model{suffix}"
        model.save(path)
        result = spikeport.parity(path, X, with_keras=True)
        assert (result.reference, result.first_difference) == (KERAS, None)
        assert "norm" in names(result)

    def test_without_samples_noise_is_taken(self, model: Any, path: Path) -> None:
        assert [spikeport.parity(m).samples for m in (model, path)] == [8, 8]

    @pytest.mark.parametrize("library", [keras, tf_keras], ids=lambda library: library.__name__)
    @pytest.mark.parametrize("name", MODELS)
    def test_models_of_every_kind_are_compared(self, name: str, library: Any) -> None:
        model = with_random_weights(MODELS[name](library), name)
        result = spikeport.parity(model)
        assert (result.reference, result.first_difference) == (KERAS, None)

    def test_the_figures_are_json_values(self, model: Any) -> None:
        result = json.loads(json.dumps(spikeport.parity(model, X).to_json()))
        assert (result["reference"], result["same"], result["first_difference"]) == (KERAS, True, None)
        assert set(result["layers"][0]) == {"layer", "maximum", "relative", "correlation", "same"}

    def test_a_file_of_weights_only_has_its_architecture_beside_it(self, model: Any, tmp_path: Path) -> None:
        path, architecture = tmp_path / "model.weights.h5", tmp_path / "model.json"
        model.save_weights(path)
        architecture.write_text(model.to_json())
        with pytest.raises(spikeport.SourceError, match="holds weights only"):
            spikeport.parity(path)
        assert spikeport.parity(path, architecture=architecture).first_difference is None
        assert main(["parity", str(path), "--architecture", str(architecture)]) == 0

    @pytest.mark.parametrize("source", ["live", ".keras"])
    def test_what_float32_itself_gets_wrong_is_no_defect(self, source: str, tmp_path: Path) -> None:
        x = keras.Input((5,))
        given: Any = keras.Model(x, keras.layers.Rescaling(1, -1e6)(keras.layers.Rescaling(1, 1e6)(x)))
        if source != "live":
            given.save(tmp_path / "model.keras")
            given = tmp_path / "model.keras"
        samples = samples_for(((5,),), "large numbers", 8)
        assert spikeport.parity(given, samples).first_difference is not None
        assert np.allclose(spikeport.convert(given, samples).run(samples, spiking=False).output, samples)


class TestWrong:
    def test_the_first_layer_that_differs_is_named(self, model: Any) -> None:
        first = spikeport.parity(model, X, layers=wrong_second_convolution()).first_difference
        assert first is not None
        assert (first.layer, first.same) == ("conv2", False)
        assert 1e-4 < first.relative < 0.1

    def test_keras_tells_a_wrong_handler_of_a_file(self, path: Path) -> None:
        layers = wrong_second_convolution()
        first = spikeport.parity(path, X, with_keras=True, layers=layers).first_difference
        assert first is not None
        assert first.layer == "conv2"

    def test_convert_does_not_return_a_wrong_network(self, model: Any) -> None:
        with pytest.raises(spikeport.ParityError, match="expected the converted graph to equal the model"):
            spikeport.convert(model, X, layers=wrong_second_convolution())

    def test_a_pass_that_breaks_a_file_is_found(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(graph: Any, report: Any, *passes: Any) -> Any:
            graph = run_passes(graph, report, *passes)
            dense = next(node for node in graph.nodes.values() if isinstance(node.op, Dense))
            return graph.rewritten([replace(dense, op=replace(dense.op, bias=dense.op.bias + 1))])

        monkeypatch.setattr(preparation, "run_passes", broken)
        monkeypatch.setattr(layer_parity, "run_passes", broken)
        with pytest.raises(spikeport.ParityError, match="scores: expected the converted graph"):
            spikeport.convert(path, X)
        first = spikeport.parity(path, X).first_difference
        assert first is not None
        assert first.layer == "scores"

    def test_another_shape_is_a_difference(self, model: Any) -> None:
        layers = spikeport.LAYERS.child()
        layers.register("Flatten")(lambda call: (Identity(),))
        result = spikeport.parity(model, X, layers=_dense_on_maps(layers))
        assert result.first_difference is not None
        assert result.first_difference.layer in ("flat", "scores")

    def test_values_that_overflow_are_the_samples_fault(self, model: Any, path: Path) -> None:
        for given in (model, path):
            with pytest.raises(spikeport.DataError, match="beyond the range of float32"):
                spikeport.parity(given, np.full_like(X, 3e38))


def _dense_on_maps(layers: spikeport.LayerRegistry) -> spikeport.LayerRegistry:
    @layers.register("Dense")
    def dense(call: spikeport.LayerCall) -> Any:
        return (Dense(kernel=np.ones((call.input_shape[-1], 3), np.float32)),)

    return layers


class TestChannelsFirst:
    """TensorFlow 2.21 computes some of these convolutions wrongly on a CPU, and refuses others."""

    X = np.ascontiguousarray(X.transpose(0, 3, 2, 1))

    @pytest.mark.parametrize("library", [keras, tf_keras], ids=lambda library: library.__name__)
    def test_a_live_model_is_compared_with_the_graph_before_the_passes(self, library: Any) -> None:
        model = small_model(library, first=True)
        result = spikeport.parity(model, self.X)
        assert (result.reference, result.first_difference) == (FILES, None)
        spikeport.convert(model, self.X)

    def test_inside_a_time_distributed_too(self) -> None:
        x = keras.Input((3, 2, 5, 5))
        conv = keras.layers.Conv2D(3, 2, data_format="channels_first")
        model = with_random_weights(keras.Model(x, keras.layers.TimeDistributed(conv)(x)), "inside")
        assert spikeport.parity(model).reference == FILES

    def test_a_defect_of_a_pass_is_still_found(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(graph: Any, report: Any, *passes: Any) -> Any:
            dense = graph.nodes["scores"]
            return run_passes(
                graph.rewritten([replace(dense, op=replace(dense.op, bias=dense.op.bias + 1))]), report, *passes
            )

        monkeypatch.setattr(preparation, "run_passes", broken)
        with pytest.raises(spikeport.ParityError):
            spikeport.convert(small_model(first=True), self.X)

    def test_other_layers_with_the_channels_first_are_compared_with_keras(self) -> None:
        x = keras.Input((2, 6, 6))
        pool = keras.layers.GlobalAveragePooling2D(data_format="channels_first")
        assert spikeport.parity(keras.Model(x, pool(x))).reference == KERAS


class TestCommand:
    def test_text(self, path: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["parity", str(path), "--data", str(data)]) == 0
        printed = capsys.readouterr().out
        assert f"the rate network beside {FILES}, 4 samples" in " ".join(printed.split())
        assert "all the same" in printed

    def test_json(self, path: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["parity", str(path), "--data", str(data), "--with-keras", "--json"]) == 0
        result = json.loads(capsys.readouterr().out)
        assert (result["reference"], result["samples"], result["same"]) == (KERAS, 4, True)

    def test_a_difference_is_exit_code_1(
        self, path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(layer_parity, "TOLERANCE", -1.0)
        assert main(["parity", str(path)]) == 1
        assert "first layer that differs: " in capsys.readouterr().out
        assert main(["parity", str(path), "--json"]) == 1
        assert json.loads(capsys.readouterr().out)["first_difference"]

    def test_a_model_that_cannot_be_converted_is_exit_code_1(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "lstm.keras"
        keras.Sequential([keras.Input((4, 2)), keras.layers.LSTM(3)]).save(path)
        assert main(["parity", str(path)]) == 1
        assert "LSTM" in capsys.readouterr().err

    def test_a_missing_file_is_exit_code_2(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["parity", str(tmp_path / "none.keras")]) == 2
        assert "found no file" in capsys.readouterr().err

    def test_a_file_that_keras_cannot_load_is_exit_code_2(
        self, small_h5: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuses(*arguments: Any, **options: Any) -> None:
            raise ValueError("no such layer\nand more")

        monkeypatch.setattr(keras.models, "load_model", refuses)
        assert main(["parity", str(small_h5), "--with-keras"]) == 2
        assert "Keras cannot load this file itself (no such layer); leave --with-keras out" in capsys.readouterr().err
