"""Keras 1 and Theano: files made by hand, and what their author's Keras computed, computed again with NumPy."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import pytest

import keras1_files as k1
import spikeport
from comparison import assert_equals_keras
from spikeport.converter.sources import read_model
from spikeport.errors import ConversionError, SourceError

Weights = dict[str, k1.Arrays]


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed + sum(shape)).normal(size=shape).astype(np.float32)


def first(x: np.ndarray) -> np.ndarray:
    """Channels-last values with the channels first."""
    return np.moveaxis(x, -1, 1)


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def pooled(x: np.ndarray) -> np.ndarray:
    """2 × 2 maxima."""
    n, h, w, c = x.shape
    return x.reshape(n, h // 2, 2, w // 2, 2, c).max((2, 4))


def rates(path: Path, x: Any, **options: Any) -> np.ndarray:
    return spikeport.convert(path, x, **options).run(x, spiking=False).output


class Case(NamedTuple):
    """A file, samples, and the output that its author saw."""

    model: k1.Config
    weights: Weights
    x: Any
    expected: np.ndarray
    backend: str | None = None  # Keras 1 does not say; Keras 2 does
    version: str | None = "1.2.2"


def convolution(**arguments: Any) -> k1.Config:
    defaults = {"nb_filter": 3, "nb_row": 3, "nb_col": 3, "border_mode": "valid", "subsample": [1, 1], "bias": True}
    defaults["activation"] = "linear"
    shape = [100, 2, 7, 6] if arguments.get("dim_ordering") == "th" else [None, 7, 6, 2]
    return k1.layer("Convolution2D", "conv", batch_input_shape=shape, **{**defaults, **arguments})


def one_convolution(compute: Callable[..., np.ndarray], ordering: str, end: str, version: str | None = "1.2.2") -> Case:
    """A convolution, 2 × 2 pooling, Flatten of the values as they lie, Dense; in one ordering, by one backend."""
    kernel, bias = random(3, 3, 2, 3), random(3)
    dense, scores = random(12, 4), random(4)  # 7 × 6 → 5 × 4 → 2 × 2 × 3
    x = random(5, 7, 6, 2)
    maps = compute(x, kernel) + bias
    maps = pooled(relu(maps)[:, :4])
    flat = (first(maps) if ordering == "th" else maps).reshape(5, -1)
    stored = kernel.transpose(3, 2, 0, 1) if ordering == "th" else kernel
    model = k1.sequential(
        convolution(dim_ordering=ordering, activation="relu"),
        k1.layer("MaxPooling2D", "pool", pool_size=[2, 2], strides=[2, 2], border_mode="valid", dim_ordering=ordering),
        k1.layer("Dropout", "drop", p=0.5),
        k1.layer("Flatten", "flat"),
        k1.layer("Dense", "scores", output_dim=4, input_dim=None, bias=True, activation="linear", init="uniform"),
    )
    weights = {
        "conv": [(f"conv_W{end}", stored), (f"conv_b{end}", bias)],
        "scores": [(f"scores_W{end}", dense), (f"scores_b{end}", scores)],
    }
    return Case(model, weights, first(x) if ordering == "th" else x, flat @ dense + scores, version=version)


def same_by_theano(rows: int, stride: int) -> Case:
    """k // 2 zeros on either side, and of an even window the last output left out."""
    kernel, x = random(rows, 3, 2, 3), random(4, 7, 6, 2)
    full = np.pad(x, ((0, 0), (rows // 2,) * 2, (1, 1), (0, 0)))
    maps = k1.convolved(full, kernel, stride)[:, : -(-7 // stride), : -(-6 // stride)]
    model = k1.sequential(
        convolution(nb_row=rows, border_mode="same", subsample=[stride] * 2, bias=False, dim_ordering="tf")
    )
    return Case(model, {"conv": [("conv_W", kernel)]}, x, maps)


def conv1d(stored_before_1_2: bool) -> Case:
    kernel, bias, x = random(3, 2, 4), random(4), random(5, 9, 2)
    held = kernel[:, None] if not stored_before_1_2 else kernel.transpose(2, 1, 0)[..., None]
    entry = k1.layer(
        "Convolution1D",
        "conv",
        batch_input_shape=[None, 9, 2],
        nb_filter=4,
        filter_length=3,
        border_mode="valid",
        subsample_length=2,
        activation="linear",
        bias=True,
    )
    pool = k1.layer("AveragePooling1D", "pool", pool_length=2, stride=2, border_mode="valid")
    maps = k1.correlated(x, kernel, 2) + bias  # 4 steps
    expected = maps.reshape(5, 2, 2, 4).mean(2)
    return Case(k1.sequential(entry, pool), {"conv": [("conv_W:0", held), ("conv_b:0", bias)]}, x, expected)


def transposed(ordering: str, end: str) -> Case:
    kernel, x = random(3, 3, 4, 2), random(3, 4, 5, 2)  # rows, columns, filters, channels
    expected = k1.spread(x, kernel if end else kernel[::-1, ::-1], 2)
    shape = [None, *(first(expected) if ordering == "th" else expected).shape[1:]]
    stored = kernel.transpose(2, 3, 0, 1) if ordering == "th" else kernel.transpose(0, 1, 3, 2)
    entry = k1.layer(
        "Deconvolution2D",
        "up",
        batch_input_shape=[None, 2, 4, 5] if ordering == "th" else [None, 4, 5, 2],
        nb_filter=4,
        nb_row=3,
        nb_col=3,
        output_shape=shape,
        subsample=[2, 2],
        border_mode="valid",
        dim_ordering=ordering,
        activation="linear",
        bias=False,
    )
    result = first(expected) if ordering == "th" else expected
    return Case(k1.sequential(entry), {"up": [(f"up_W{end}", stored)]}, first(x) if ordering == "th" else x, result)


def dilated() -> Case:
    kernel, x = random(2, 2, 2, 3), random(3, 7, 6, 2)
    wide = np.zeros((3, 3, 2, 3))
    wide[::2, ::2] = kernel
    entry = convolution(nb_row=2, nb_col=2, atrous_rate=[2, 2], dim_ordering="tf", bias=False)
    entry["class_name"] = "AtrousConvolution2D"
    return Case(k1.sequential(entry), {"conv": [("conv_W:0", kernel)]}, x, k1.correlated(x, wide))


def batch_norm() -> Case:
    gamma, beta, mean, std = random(4), random(4, seed=1), random(4, seed=2), np.abs(random(4, seed=3)) + 0.5
    x = random(6, 4)
    expected = (x - mean) / np.sqrt(std + 1e-5) * gamma + beta  # "running_std" is the variance
    entry = k1.layer("BatchNormalization", "bn", batch_input_shape=[None, 4], mode=0, axis=-1, epsilon=1e-5)
    names = ("gamma", "beta", "running_mean", "running_std")
    return Case(
        k1.sequential(entry), {"bn": [(f"bn_{n}", v) for n, v in zip(names, (gamma, beta, mean, std))]}, x, expected
    )


def two_inputs(mode: str) -> Case:
    a, b = random(5, 4), random(5, 4, seed=9)
    combine = {
        "sum": a + b,
        "mul": a * b,
        "ave": (a + b) / 2,
        "max": np.maximum(a, b),
        "concat": np.concatenate([a, b], -1),
    }
    model = k1.functional(
        k1.layer("InputLayer", "one", batch_input_shape=[None, 4], input_dtype="float32"),
        k1.layer("InputLayer", "two", batch_input_shape=[None, 4], input_dtype="float32"),
        k1.reading(k1.layer("Merge", "both", mode=mode, concat_axis=-1, dot_axes=-1), "one", "two"),
        inputs=("one", "two"),
        outputs=("both",),
    )
    return Case(model, {}, [a, b], combine[mode])


def merged_branches() -> Case:
    """A Merge at the head of a Sequential model: it holds the branches, and the file their layers side by side."""
    left, right, last = random(3, 4), random(2, 4), random(8, 2)
    a, b = random(5, 3), random(5, 2)

    def dense(name: str, units: int, inputs: int | None = None) -> k1.Config:
        shape = {"batch_input_shape": [None, inputs]} if inputs else {}
        return k1.layer("Dense", name, output_dim=units, bias=False, activation="linear", **shape)

    branches = [k1.sequential(dense("left", 4, 3)), k1.sequential(dense("right", 4, 2))]
    model = k1.sequential(k1.layer("Merge", "both", mode="concat", concat_axis=1, layers=branches), dense("last", 2))
    weights = {name: [(f"{name}_W", value)] for name, value in (("left", left), ("right", right), ("last", last))}
    return Case(model, weights, [a, b], np.concatenate([a @ left, b @ right], -1) @ last)


def padded() -> Case:
    x = random(2, 3, 4, 2)
    entry = k1.layer("ZeroPadding2D", "pad", batch_input_shape=[None, 3, 4, 2], padding=[1, 0, 2, 1], dim_ordering="tf")
    return Case(k1.sequential(entry), {}, x, np.pad(x, ((0, 0), (1, 0), (2, 1), (0, 0))))


def over_time() -> Case:
    kernel, x = random(3, 4), random(2, 5, 3)
    entry = k1.layer("TimeDistributedDense", "td", batch_input_shape=[None, 5, 3], output_dim=4, bias=False)
    return Case(k1.sequential(entry), {"td": [("td_W", kernel)]}, x, x @ kernel)


def theano2(kind: str, kernel: np.ndarray, x: np.ndarray, expected: np.ndarray, **arguments: Any) -> Case:
    """One convolution of Keras 2 on Theano."""
    rank = x.ndim - 2
    entry = k1.layer(
        kind,
        "conv",
        batch_input_shape=[None, *x.shape[1:]],
        filters=4,
        kernel_size=list(kernel.shape[:rank]),
        strides=[1] * rank,
        padding="valid",
        data_format="channels_last",
        use_bias=False,
        **arguments,
    )
    return Case(k1.sequential(entry), {"conv": [("conv/kernel", kernel)]}, x, expected, "theano", "2.1.2")


def nested_theano2() -> Case:
    kernel, x = random(2, 3, 2, 4), random(3, 5, 5, 2)
    conv = k1.layer("Conv2D", "conv", filters=4, kernel_size=[2, 3], padding="valid", use_bias=False)
    inner = k1.sequential({**conv, "config": {**conv["config"], "batch_input_shape": [None, 5, 5, 2]}})
    return Case(_around(inner), {"inner": [("conv/kernel", kernel)]}, x, k1.convolved(x, kernel), "theano", "2.1.2")


def _around(inner: k1.Config) -> k1.Config:
    image = {**k1.layer("InputLayer", "image", batch_input_shape=[None, 5, 5, 2]), "name": "image", "inbound_nodes": []}
    nested = {**inner, "name": "inner", "inbound_nodes": [[["image", 0, 0, {}]]]}
    config = {"name": "outer", "layers": [image, nested], "input_layers": [["image", 0, 0]]}
    return {"class_name": "Model", "config": {**config, "output_layers": [["inner", 1, 0]]}}


def theano_cases() -> dict[str, Case]:
    x1, x2, x3 = random(2, 6, 2), random(2, 5, 6, 2), random(2, 4, 5, 4, 2)
    one, two, three = random(3, 2, 4), random(2, 3, 2, 4), random(2, 3, 2, 2, 4)
    up = random(3, 3, 4, 2)
    depthwise = random(3, 3, 2, 1)
    wide = np.zeros((3, 3, 2, 2))
    wide[..., [0, 1], [0, 1]] = depthwise[..., 0]
    return {
        "theano2-conv1d": theano2("Conv1D", one, x1, k1.convolved(x1, one)),
        "theano2-conv2d": theano2("Conv2D", two, x2, k1.convolved(x2, two)),
        "theano2-conv3d": theano2("Conv3D", three, x3, k1.convolved(x3, three)),
        "theano2-transposed": theano2("Conv2DTranspose", up, x2, k1.spread(x2, up[::-1, ::-1], 1)),
        "theano2-depthwise-agrees-with-tensorflow": theano2(
            "DepthwiseConv2D", depthwise, x2, k1.correlated(x2, wide), depth_multiplier=1
        ),
        "theano2-nested": nested_theano2(),
    }


CASES: dict[str, Case] = {
    "th-by-theano": one_convolution(k1.convolved, "th", ""),
    "th-by-tensorflow": one_convolution(k1.correlated, "th", ":0"),
    "tf-by-theano": one_convolution(k1.convolved, "tf", ""),
    "tf-by-tensorflow": one_convolution(k1.correlated, "tf", ":0"),
    "version-not-stated": one_convolution(k1.convolved, "th", "", version=None),
    "theano-same-stride-2": same_by_theano(3, 2),
    "theano-same-even": same_by_theano(4, 1),
    "theano-same-even-stride-3": same_by_theano(2, 3),
    "conv1d-1.2": conv1d(False),
    "conv1d-1.0": conv1d(True),
    "deconvolution-tf": transposed("tf", ":0"),
    "deconvolution-th": transposed("th", ":0"),
    "deconvolution-th-by-theano": transposed("th", ""),
    "atrous": dilated(),
    "batch-norm": batch_norm(),
    **{f"merge-{mode}": two_inputs(mode) for mode in ("sum", "mul", "ave", "max", "concat")},
    "merge-of-sequential-models": merged_branches(),
    "padding-of-four": padded(),
    "time-distributed-dense": over_time(),
    **theano_cases(),
}


@pytest.mark.parametrize("name", CASES)
def test_a_file_computes_what_its_author_saw(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    path = k1.write_h5(tmp_path / "m.h5", case.model, case.weights, version=case.version, backend=case.backend)
    assert_equals_keras(rates(path, case.x), case.expected)


def test_a_fixed_batch_size_does_not_matter() -> None:
    shape = CASES["th-by-theano"].model["config"][0]["config"]["batch_input_shape"]
    assert shape[0] == 100  # the case above runs 5 samples


REFUSED = {
    "bn-of-each-sample": (
        k1.layer("BatchNormalization", "it", batch_input_shape=[None, 4], mode=1),
        "mode=1 of Keras 1",
    ),
    "bn-of-each-batch": (
        k1.layer("BatchNormalization", "it", batch_input_shape=[None, 4], mode=2),
        "mode=2 of Keras 1",
    ),
    "maxout": (k1.layer("MaxoutDense", "it", batch_input_shape=[None, 4], output_dim=2, nb_feature=4), "no handler"),
    "highway": (k1.layer("Highway", "it", batch_input_shape=[None, 4]), "no handler"),
    "theano-same-pooling": (
        k1.layer("MaxPooling2D", "it", batch_input_shape=[None, 4, 4, 1], pool_size=[2, 2], border_mode="same"),
        "Theano pads otherwise",
    ),
    "deconvolution-of-another-size": (
        k1.layer(
            "Deconvolution2D",
            "it",
            batch_input_shape=[None, 3, 3, 1],
            nb_filter=1,
            nb_row=2,
            nb_col=2,
            output_shape=[None, 8, 8, 1],
            subsample=[2, 2],
            border_mode="valid",
            dim_ordering="tf",
        ),
        "takes a shape of 36 values",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_equal_is_refused_with_the_reason(name: str, tmp_path: Path) -> None:
    entry, words = REFUSED[name]
    arrays = [("it_W", random(2, 2, 1, 1)), ("it_b", random(1))] if "deconv" in name else []
    path = k1.write_h5(tmp_path / "m.h5", k1.sequential(entry), {"it": arrays})
    with pytest.raises(ConversionError, match=words):
        spikeport.convert(path)


def test_the_gates_of_an_lstm_are_put_side_by_side(tmp_path: Path) -> None:
    gates = {gate: [random(3, 2, seed=i), random(2, 2, seed=i), random(2, seed=i)] for i, gate in enumerate("icfo")}
    entry = k1.layer(
        "LSTM",
        "lstm",
        batch_input_shape=[None, 5, 3],
        output_dim=2,
        consume_less="cpu",
        inner_activation="hard_sigmoid",
    )
    arrays = [(f"lstm_{part}_{gate}", value) for gate in "icfo" for part, value in zip("WUb", gates[gate])]
    record = read_model(k1.write_h5(tmp_path / "m.h5", k1.sequential(entry), {"lstm": arrays}))
    call = record.calls[1]
    assert call.config["units"] == 2
    assert call.config["recurrent_activation"] == "hard_sigmoid_keras2"
    for index, part in enumerate(("kernel", "recurrent_kernel", "bias")):
        expected = np.concatenate([gates[gate][index] for gate in "ifco"], -1)
        np.testing.assert_array_equal(call.weights[part], expected)


def test_weights_without_names_are_taken_in_order(tmp_path: Path) -> None:
    case = one_convolution(k1.convolved, "th", "")
    weights = {name: [(f"param_{i}", v) for i, (_, v) in enumerate(held)] for name, held in case.weights.items()}
    path = k1.write_h5(tmp_path / "m.h5", case.model, weights)
    assert_equals_keras(rates(path, case.x), case.expected)


class TestWeightsOnly:
    """A .h5 file that save_weights wrote, beside the JSON of to_json."""

    def files(self, folder: Path, names: dict[str, str] | None = None) -> tuple[Path, Path, Case]:
        case = one_convolution(k1.convolved, "th", "", version=None)
        weights = {(names or {}).get(name, name): held for name, held in case.weights.items()}
        architecture = folder / "model.json"
        architecture.write_text(json.dumps(case.model))
        return k1.write_h5(folder / "weights.h5", None, weights, version=None), architecture, case

    def test_with_the_architecture(self, tmp_path: Path) -> None:
        weights, architecture, case = self.files(tmp_path)
        assert_equals_keras(rates(weights, case.x, architecture=architecture), case.expected)

    def test_layers_of_other_names_are_matched_in_order(self, tmp_path: Path) -> None:
        weights, architecture, case = self.files(tmp_path, {"conv": "convolution2d_7", "scores": "dense_9"})
        assert_equals_keras(rates(weights, case.x, architecture=architecture), case.expected)

    def test_before_keras_1(self, tmp_path: Path) -> None:
        weights, architecture, case = self.files(tmp_path)
        with h5py.File(weights, "w") as file:
            file.attrs["nb_layers"] = 5
            for index, name in enumerate(("conv", "pool", "drop", "flat", "scores")):
                held = case.weights.get(name, ())
                group = file.create_group(f"layer_{index}")
                group.attrs["nb_params"] = len(held)
                for number, (_, value) in enumerate(held):
                    group[f"param_{number}"] = value
        assert_equals_keras(rates(weights, case.x, architecture=architecture), case.expected)

    def test_without_it_the_option_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match="--architecture"):
            spikeport.convert(self.files(tmp_path)[0])

    def test_an_architecture_is_checked_like_any_config(self, tmp_path: Path) -> None:
        weights, architecture, _ = self.files(tmp_path)
        architecture.write_text("[1, 2]")
        with pytest.raises(SourceError, match="JSON object"):
            spikeport.convert(weights, architecture=architecture)
