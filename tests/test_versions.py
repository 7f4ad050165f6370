"""Every version of Keras: the table of normalisers, the layouts of files, and what files leave unsaid."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import keras1_files as k1
import real_material
import spikeport
from comparison import assert_equals_keras
from keras1_files import layer
from spikeport.cli import main
from spikeport.converter.sources import read_model
from spikeport.converter.sources.keras_layers import KERAS_LAYERS
from spikeport.converter.sources.references import arguments_of
from spikeport.converter.sources.spelling import Writer
from spikeport.converter.sources.versions import class_name, normalised, version_of
from spikeport.errors import ConversionError, SourceError, UsageError

KERAS1, KERAS2, TF_KERAS, KERAS3 = "1.2.2", "2.2.4", "2.2.4-tf", "3.8.0"


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed + sum(shape)).normal(size=shape).astype(np.float32)


def rates(path: Path, x: Any, **options: Any) -> np.ndarray:
    return spikeport.convert(path, x, **options).run(x, spiking=False).output


SPELLINGS: list[tuple[str, str, dict[str, Any], str, dict[str, Any]]] = [
    # written by, class name, arguments; class name and arguments of Keras 3
    (
        KERAS1,
        "Convolution2D",
        {"nb_filter": 4, "nb_row": 3, "nb_col": 5},
        "Conv2D",
        {"kernel_size": [3, 5], "filters": 4},
    ),
    (
        KERAS1,
        "Convolution3D",
        {"kernel_dim1": 1, "kernel_dim2": 2, "kernel_dim3": 3, "dim_ordering": "th"},
        "Conv3D",
        {"kernel_size": [1, 2, 3], "data_format": "channels_first"},
    ),
    (KERAS1, "Convolution1D", {"filter_length": 3, "subsample_length": 2}, "Conv1D", {"kernel_size": 3, "strides": 2}),
    (KERAS1, "AtrousConvolution1D", {"atrous_rate": 2}, "Conv1D", {"dilation_rate": 2}),
    (KERAS1, "SeparableConvolution2D", {"border_mode": "same"}, "SeparableConv2D", {"padding": "same"}),
    (KERAS1, "Dense", {"output_dim": 3, "bias": False}, "Dense", {"units": 3, "use_bias": False}),
    (KERAS1, "Embedding", {"input_dim": 9, "output_dim": 3}, "Embedding", {"input_dim": 9, "output_dim": 3}),
    (KERAS1, "Dropout", {"p": 0.3}, "Dropout", {"rate": 0.3}),
    (KERAS1, "GaussianNoise", {"sigma": 0.3}, "GaussianNoise", {"stddev": 0.3}),
    (KERAS1, "MaxPooling1D", {"pool_length": 3, "stride": 2}, "MaxPooling1D", {"pool_size": 3, "strides": 2}),
    (KERAS1, "UpSampling1D", {"length": 3}, "UpSampling1D", {"size": 3}),
    (KERAS1, "UpSampling2D", {"dim_ordering": "tf"}, "UpSampling2D", {"data_format": "channels_last"}),
    (KERAS1, "GRU", {"output_dim": 3}, "GRU", {"units": 3, "reset_after": False}),
    (KERAS1, "Merge", {"mode": "concat", "concat_axis": 1}, "Concatenate", {"axis": 1}),
    (KERAS1, "LeakyReLU", {"alpha": 0.2}, "LeakyReLU", {"negative_slope": 0.2}),
    (KERAS2, "LeakyReLU", {"alpha": 0.2}, "LeakyReLU", {"negative_slope": 0.2}),
    (TF_KERAS, "BatchNormalizationV1", {"axis": [3]}, "BatchNormalization", {"axis": [3]}),
    (TF_KERAS, "Dense", {"activation": "hard_sigmoid"}, "Dense", {"activation": "hard_sigmoid_keras2"}),
    (KERAS2, "InputLayer", {"batch_input_shape": [None, 3]}, "InputLayer", {"batch_shape": [None, 3]}),
    (KERAS2, "CuDNNGRU", {"units": 3}, "GRU", {"units": 3, "reset_after": True, "recurrent_activation": "sigmoid"}),
    (
        KERAS2,
        "TimeDistributed",
        {"layer": {"class_name": "LeakyReLU", "config": {"alpha": 0.2}}},
        "TimeDistributed",
        {"layer": {"class_name": "LeakyReLU", "config": {"negative_slope": 0.2}}},
    ),
    (KERAS3, "Dense", {"activation": "hard_sigmoid"}, "Dense", {"activation": "hard_sigmoid"}),
    (KERAS3, "ELU", {"alpha": 0.2}, "ELU", {"alpha": 0.2}),
    (
        KERAS3,
        "Dense",
        {"dtype": {"class_name": "DTypePolicy", "config": {"name": "float32"}}, "units": 2},
        "Dense",
        {"units": 2},
    ),
    # wrappers that do nothing at inference
    (
        TF_KERAS,
        "PruneLowMagnitude",
        {"layer": {"class_name": "Dense", "config": {"units": 3}}, "batch_input_shape": [None, 4]},
        "Dense",
        {"units": 3, "batch_shape": [None, 4]},
    ),
    (
        KERAS3,
        "SpectralNormalization",
        {"layer": {"class_name": "Dense", "config": {"units": 3}}},
        "Dense",
        {"units": 3},
    ),
]


@pytest.mark.parametrize("row", SPELLINGS, ids=lambda row: f"{row[1]}-{row[0]}")
def test_the_table_of_normalisers(row: tuple[str, str, dict[str, Any], str, dict[str, Any]]) -> None:
    version, written, arguments, layer_type, expected = row
    done = normalised(written, arguments, Writer(version))
    assert done.layer_type == layer_type
    assert {name: done.config.get(name) for name in expected} == expected
    assert done.layer_type in KERAS_LAYERS


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"class_name": "Dense"}, "Dense"),
        ({"class_name": "Dense", "module": "keras.layers", "registered_name": None}, "Dense"),
        (
            {"class_name": "Functional", "module": "keras.src.models.functional", "registered_name": "Functional"},
            "Functional",
        ),
        ({"class_name": "Conv2D", "module": "tf_keras.src.layers", "registered_name": None}, "Conv2D"),
        ({"class_name": "Custom>MyLayer"}, "MyLayer"),
        ({"class_name": "MyLayer", "module": "mine.layers", "registered_name": "Custom>MyLayer"}, "MyLayer"),
        ({"class_name": "keras_hub>Backbone"}, "Backbone"),
        ({"class_name": "QDense", "module": "qkeras.qlayers", "registered_name": "qkeras>QDense"}, "QDense"),
        # not Keras's layer, whatever its name
        ({"class_name": "Custom>Dense"}, "Custom>Dense"),
        ({"class_name": "Dense", "module": "mine", "registered_name": "Dense"}, "mine>Dense"),
        ({"class_name": "Dense", "module": None, "registered_name": "Mine>Dense"}, "Mine>Dense"),
        ({"class_name": "Addons>GroupNormalization"}, "Addons>GroupNormalization"),
        ({"class_name": "Relu", "module": "keras.src.ops.nn", "registered_name": "Relu"}, "ops.Relu"),
        (
            {"class_name": "Add", "module": "keras.src.ops.numpy", "inbound_nodes": [{"args": [2.0], "kwargs": {}}]},
            "ops.Add",
        ),
    ],
)
def test_the_name_of_a_class(entry: Mapping[str, Any], expected: str) -> None:
    assert class_name(entry) == expected


@pytest.mark.parametrize(
    ("model", "version"),
    [
        (k1.sequential(layer("Convolution2D", "c")), "1"),
        (k1.sequential(layer("Dense", "d", W_regularizer=None)), "1"),
        (k1.sequential(layer("Dense", "d", units=3, batch_input_shape=[None, 3])), "2"),
        (k1.sequential(layer("InputLayer", "i", batch_shape=[None, 3])), "3"),
    ],
)
def test_a_version_that_a_file_does_not_state_is_told_by_its_config(model: k1.Config, version: str) -> None:
    assert version_of("", model) == version
    assert version_of("2.3.1", model) == "2.3.1"


NODES = [
    # one use of a layer; the layers read, and the other arguments
    ([["a", 0, 0]], ["a"], None),
    ([["a", 0, 0, {}], ["b", 1, 0, {}]], ["a", "b"], None),
    ([["a", 0, 0, {"training": False, "mask": None}]], ["a"], None),
    (["a", 0, 0, {"y": 2.0, "name": None}], ["a"], {"args": [{"input": 0}], "kwargs": {"y": 2.0}}),
    (["a", 0, 0, {"y": ["b", 0, 0]}], ["a", "b"], {"args": [{"input": 0}], "kwargs": {"y": {"input": 1}}}),
    ([["_CONSTANT_VALUE", -1, 3, {"y": ["b", 0, 0]}]], ["b"], {"args": [[3]], "kwargs": {"y": {"input": 0}}}),
    (
        {"args": [{"class_name": "__keras_tensor__", "config": {"keras_history": ["a", 0, 0]}}, 2.0], "kwargs": {}},
        ["a"],
        {"args": [{"input": 0}, 2.0], "kwargs": {}},
    ),
    (
        {"args": [{"class_name": "__keras_tensor__", "config": {"keras_history": ["a", 0, 0]}}], "kwargs": {}},
        ["a"],
        None,
    ),
]


@pytest.mark.parametrize(("node", "reads", "extra"), NODES)
def test_what_a_layer_is_called_with(node: Any, reads: list[str], extra: Any) -> None:
    found = arguments_of(node)
    assert [name for name, *_ in found.keys] == reads
    assert found.to_config() == extra


@pytest.mark.parametrize(
    ("kind", "call", "words"),
    [
        ("Add", {"args": [["x"], 2.0], "kwargs": {}}, "other values than tensors"),
        ("BatchNormalization", {"args": ["x"], "kwargs": {"training": True}}, "training=True"),
    ],
)
def test_an_argument_of_a_call_is_never_passed_over(
    kind: str, call: dict[str, Any], words: str, tmp_path: Path
) -> None:
    tensor = {"class_name": "__keras_tensor__", "config": {"keras_history": ["x", 0, 0]}}
    call = {**call, "args": [[tensor] if a == ["x"] else tensor if a == "x" else a for a in call["args"]]}
    arrays = [(n, np.ones(3)) for n in ("gamma", "beta", "moving_mean", "moving_variance")]
    entry = {**layer(kind, "it"), "inbound_nodes": [call]}
    model = k1.functional(layer("InputLayer", "x", batch_shape=[None, 3]), entry, inputs=["x"], outputs=["it"])
    path = k1.write_h5(tmp_path / "m.h5", model, {"it": arrays if kind != "Add" else []}, version=KERAS3)
    with pytest.raises(ConversionError, match=words):
        spikeport.convert(path)


class TestFlatten:
    """Keras from 2.2 on moves the channels behind before it flattens; the attribute says that it did."""

    @pytest.mark.parametrize("stated", [None, "channels_first"])
    def test_channels_move_only_where_the_attribute_is_there(self, stated: str | None, tmp_path: Path) -> None:
        x = random(2, 3, 4, 5)
        arguments = {} if stated is None else {"data_format": stated}
        model = k1.sequential(layer("Flatten", "flat", batch_input_shape=[None, 3, 4, 5], **arguments))
        path = k1.write_h5(tmp_path / "m.h5", model, {}, version="2.2.4", backend="theano")
        expected = (x if stated is None else np.moveaxis(x, 1, -1)).reshape(2, -1)
        assert_equals_keras(rates(path, x), expected)


def two_dense(*, shape: bool = True, flatten: bool = False) -> tuple[k1.Config, dict[str, np.ndarray]]:
    """A Sequential model of Keras 2 with two Dense layers, and its arrays."""
    arrays = {"a/kernel": random(6, 4), "a/bias": random(4), "b/kernel": random(4, 3), "b/bias": random(3)}
    given = {"batch_input_shape": [None, 6]} if shape else {}
    head = [layer("Flatten", "flat", data_format="channels_last")] if flatten else []
    layers = [
        *head,
        layer("Dense", "a", units=4, activation="relu", use_bias=True, **given),
        layer("Dense", "b", units=3, activation="linear", use_bias=True),
    ]
    return {"class_name": "Sequential", "config": {"name": "two", "layers": layers}}, arrays


def two_dense_output(arrays: Mapping[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    return np.maximum(x @ arrays["a/kernel"] + arrays["a/bias"], 0) @ arrays["b/kernel"] + arrays["b/bias"]


def two_dense_h5(path: Path, model: k1.Config, arrays: Mapping[str, np.ndarray]) -> Path:
    held = {name: [(k, v) for k, v in arrays.items() if k.startswith(name)] for name in ("a", "b")}
    return k1.write_h5(path, model, held, version="2.2.4", backend="tensorflow")


GROUPS = {
    # what Keras called the groups of the two layers
    "2.14": ("layers/dense", "layers/dense_1"),
    "2.13": ("_layer_checkpoint_dependencies/dense", "_layer_checkpoint_dependencies/dense_2"),
    "2.13.1": (r"_layer_checkpoint_dependencies\dense", r"_layer_checkpoint_dependencies\dense_2"),  # on Windows
}


@pytest.mark.parametrize("version", GROUPS)
def test_the_groups_of_a_zip(version: str, tmp_path: Path) -> None:
    model, arrays = two_dense()
    held = {
        f"{group}/vars/{index}": arrays[f"{name}/{part}"]
        for name, group in zip("ab", GROUPS[version], strict=True)
        for index, part in enumerate(("kernel", "bias"))
    }
    x = random(5, 6)
    path = k1.write_zip(tmp_path / "m.keras", model, held, version=version)
    assert_equals_keras(rates(path, x), two_dense_output(arrays, x))

    with h5py.File(tmp_path / "m.weights.h5", "w") as file:
        for name, value in held.items():
            file[name] = value
    architecture = tmp_path / "m.json"
    architecture.write_text(json.dumps(model))
    assert_equals_keras(rates(tmp_path / "m.weights.h5", x, architecture=architecture), two_dense_output(arrays, x))


def test_a_file_is_what_it_holds_and_not_what_it_is_called(tmp_path: Path) -> None:
    model, arrays = two_dense()
    x = random(5, 6)
    hdf5 = two_dense_h5(tmp_path / "hdf5.keras", model, arrays)
    assert_equals_keras(rates(hdf5, x), two_dense_output(arrays, x))
    held = {
        f"layers/{g}/vars/{i}": arrays[f"{n}/{p}"]
        for n, g in zip("ab", ("dense", "dense_1"))
        for i, p in enumerate(("kernel", "bias"))
    }
    zipped = k1.write_zip(tmp_path / "zip.h5", model, held, version="2.14")
    assert_equals_keras(rates(zipped, x), two_dense_output(arrays, x))


def test_an_architecture_beside_a_whole_model_is_wrong_use(tmp_path: Path) -> None:
    path = two_dense_h5(tmp_path / "m.h5", *two_dense())
    with pytest.raises(UsageError, match="its own architecture"):
        spikeport.convert(path, architecture=tmp_path / "m.json")


@pytest.mark.parametrize("held", ["saved_model.pb", "keras_metadata.pb"])
def test_a_saved_model_gets_the_lines_that_export_it(held: str, tmp_path: Path) -> None:
    (tmp_path / held).touch()
    with pytest.raises(SourceError, match=r"load_model\(folder\); model\.save\('model\.keras'\)"):
        spikeport.convert(tmp_path)


class TestInputShape:
    """Files without an input shape: inferred where only one fits, asked for where several do."""

    @pytest.mark.parametrize("flatten", [False, True])
    def test_the_first_kernel_tells(self, flatten: bool, tmp_path: Path) -> None:
        model, arrays = two_dense(shape=False, flatten=flatten)
        path = two_dense_h5(tmp_path / "m.h5", model, arrays)
        x = random(5, 2, 3)
        net = spikeport.convert(path, x)  # flattened
        assert_equals_keras(net.run(x, spiking=False).output, two_dense_output(arrays, x.reshape(5, 6)))
        assert [note.detail for note in net.report.notes if note.code == "input-shape-inferred"] == [
            f"{'flat' if flatten else 'a'}_input: (6,)"
        ]

    def test_a_given_shape_comes_first(self, tmp_path: Path) -> None:
        path = two_dense_h5(tmp_path / "m.h5", *two_dense(shape=False, flatten=True))
        net = spikeport.convert(path, input_shape=(2, 3))
        assert net.graph.inputs[0].shape == (2, 3)

    @pytest.mark.parametrize(
        ("layers", "arrays", "words"),
        [
            ([layer("Conv2D", "it", filters=4, kernel_size=[3, 3])], {"kernel": (3, 3, 2, 4)}, r"\(height, width, 2\)"),
            (
                [layer("Conv1D", "it", filters=4, kernel_size=[3], data_format="channels_first")],
                {"kernel": (3, 2, 4)},
                r"\(2, length\)",
            ),
            ([layer("LSTM", "it", units=2)], {"kernel": (3, 8), "recurrent_kernel": (2, 8)}, r"\(steps, 3\)"),
            (
                [layer("Dense", "it", units=2), layer("Flatten", "flat")],
                {"kernel": (3, 2)},
                "the last axis has 3 values",
            ),
            ([layer("MaxPooling2D", "it"), layer("Flatten", "flat")], {}, "no input shape"),
        ],
        ids=["conv2d", "conv1d", "lstm", "dense-on-maps", "pooling"],
    )
    def test_where_several_fit_it_is_asked_for(
        self, layers: list[k1.Config], arrays: dict[str, tuple[int, ...]], words: str, tmp_path: Path
    ) -> None:
        held = {"it": [(f"it/{name}:0", random(*shape)) for name, shape in arrays.items()]}
        path = k1.write_h5(tmp_path / "m.h5", k1.sequential(*layers), held, version="2.3.1")
        with pytest.raises(SourceError, match=words) as told:
            spikeport.convert(path)
        assert "--input-shape" in str(told.value)

    def test_open_axes_are_asked_for(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        kernel = random(3, 3, 2, 4)
        conv = layer("Conv2D", "it", batch_input_shape=[8, None, None, 2], use_bias=False)
        path = k1.write_h5(tmp_path / "m.h5", k1.sequential(conv), {"it": [("it/kernel:0", kernel)]}, version="2.3.1")
        assert main(["check", str(path)]) == 2
        assert "open axes, (None, None, 2)" in capsys.readouterr().err
        assert main(["check", str(path), "--input-shape", "5,6,2"]) == 0

    def test_a_model_inside_tells(self, tmp_path: Path) -> None:
        inner, arrays = two_dense()
        model = k1.sequential(
            {"class_name": "Sequential", "config": inner["config"]}, layer("Dropout", "drop", rate=0.5)
        )
        held = {"two": [(k, v) for k, v in arrays.items()]}
        path = k1.write_h5(tmp_path / "m.h5", model, held, version="2.1.0")
        x = random(5, 6)
        assert_equals_keras(rates(path, x), two_dense_output(arrays, x))


class TestWrappers:
    """Wrappers of the optimisation toolkit, and quantised layers."""

    def test_a_pruned_kernel_is_masked(self, tmp_path: Path) -> None:
        kernel, bias, mask = random(4, 3), random(3), (random(4, 3, seed=5) > 0).astype(np.float32)
        inner = {"class_name": "Dense", "config": {"name": "d", "units": 3, "activation": "linear", "use_bias": True}}
        entry = layer("PruneLowMagnitude", "prune_d", layer=inner, batch_input_shape=[None, 4], pruning_schedule={})
        arrays = [("d/kernel:0", kernel), ("d/bias:0", bias), ("prune_d/mask:0", mask), ("prune_d/threshold:0", [0.1])]
        path = k1.write_h5(tmp_path / "m.h5", k1.sequential(entry), {"prune_d": arrays}, version="2.4.0")
        x = random(6, 4)
        assert_equals_keras(rates(path, x), x @ (kernel * mask) + bias)

    @pytest.mark.parametrize("kind", ["QuantizeWrapperV2", "QuantizeLayer", "QDense", "QActivation"])
    def test_what_rounds_is_refused(self, kind: str, tmp_path: Path) -> None:
        path = k1.write_h5(tmp_path / "m.h5", k1.sequential(layer(kind, "q", batch_input_shape=[None, 4])), {})
        with pytest.raises(ConversionError, match="rounds its weights"):
            spikeport.convert(path)

    def test_a_kernel_of_whole_numbers_is_multiplied_out(self, tmp_path: Path) -> None:
        policy = {"class_name": "QuantizedDTypePolicy", "config": {"mode": "int8", "source_name": "float32"}}
        numbers = np.random.default_rng(0).integers(-127, 128, (4, 3)).astype(np.int8)
        scale, bias = np.array([50, 80, 110], np.float32), random(3)
        entry = layer("Dense", "d", units=3, activation="linear", use_bias=True, dtype=policy)
        model = k1.sequential(layer("InputLayer", "x", batch_shape=[None, 4]), entry)
        model["config"] = {"name": "q", "layers": model["config"]}
        held = {"layers/dense/vars/0": numbers, "layers/dense/vars/1": bias, "layers/dense/vars/2": scale}
        path = k1.write_zip(tmp_path / "m.keras", model, held, version=KERAS3)
        x = random(6, 4)
        net = spikeport.convert(path, x)
        assert_equals_keras(net.run(x, spiking=False).output, x @ (numbers / scale) + bias)
        assert "kernel-dequantised" in [note.code for note in net.report.notes]

    def test_other_ways_to_round_are_refused(self, tmp_path: Path) -> None:
        entry = layer("Dense", "d", units=3, batch_shape=[None, 4], dtype="int4_from_float32")
        path = k1.write_h5(tmp_path / "m.h5", k1.sequential(entry), {}, version=KERAS3)
        with pytest.raises(ConversionError, match="dtype policy int4"):
            spikeport.convert(path)


REAL = [("01", 98.15), ("04", 98.96), ("10", 97.95), ("13", 97.16), ("16", 97.46), ("20", 98.54), ("30", 82.9)]


@pytest.mark.slow
@pytest.mark.parametrize(("number", "percent"), REAL)
def test_real_files_keep_their_accuracy(number: str, percent: float) -> None:
    path = real_material.model_path(number)
    if number == "30":
        images, labels = real_material.cifar10("test_1000")
        images = images / 255
    else:
        images, labels = real_material.mnist("t10k")
    x = images.transpose(0, 3, 1, 2) if number in ("04", "30") else images
    options = {"architecture": path.with_suffix(".json")} if number == "01" else {}
    net = spikeport.convert(path, x[:64], **options)
    found = 100 * np.mean(net.run(x, spiking=False).output.argmax(-1) == labels)
    assert found == pytest.approx(percent, abs=0.05)


def test_the_command_line_takes_an_architecture(tmp_path: Path) -> None:
    path = real_material.model_path("01")
    shutil.copy(path.with_suffix(".json"), tmp_path / "a.json")
    assert main(["check", str(path)]) == 2
    assert main(["check", str(path), "--architecture", str(tmp_path / "a.json")]) == 0
    assert main(["convert", str(path), "--architecture", str(tmp_path / "a.json"), "-o", str(tmp_path / "n.h5")]) == 0


def test_the_record_names_what_wrote_the_file(tmp_path: Path) -> None:
    path = k1.write_h5(
        tmp_path / "m.h5",
        k1.sequential(layer("Dense", "d", units=2, batch_input_shape=[None, 2])),
        {},
        version="2.2.4-tf",
    )
    assert read_model(path).keras_version == "2.2.4-tf"
