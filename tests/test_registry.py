"""The layer registry: whose handler is taken, what is refused and in which words, and a handler of one's own."""

from __future__ import annotations

import numpy as np
import pytest

import small_files
import spikeport
from graphs import random
from spikeport import LAYERS, LayerCall, UsageError
from spikeport.converter.layers import LayerRegistry, UnsupportedLayerError
from spikeport.converter.ops import Activation, Conv, Dense, Identity, Op, ScaleShift

KERNEL = {"kernel": random(3, 3, 2, 4), "bias": random(4)}
STATISTICS = {"moving_mean": random(3), "moving_variance": np.ones(3, np.float32)}
MAP = ((7, 5, 2),)


def doubled(call: LayerCall) -> tuple[Op, ...]:
    """Become twice the value."""
    return (ScaleShift(scale=np.full(1, 2, np.float32), shift=np.zeros(1, np.float32)),)


# layer type, config, weights, input shapes; what the refusal says
REFUSALS = {
    "conv-padding": ("Conv2D", {"padding": "causal"}, KERNEL, MAP, "padding='causal'; takes 'valid', 'same'"),
    "conv-format": ("Conv2D", {"data_format": "NCHW"}, KERNEL, MAP, "data_format='NCHW'; takes 'channels_last'"),
    "conv-strides": ("Conv2D", {"strides": [1, 0]}, KERNEL, MAP, "strides=.*; takes 2 whole numbers from 1 on"),
    "conv-dilation": ("Conv2D", {"dilation_rate": [1]}, KERNEL, MAP, "dilation_rate=.*; takes 2 whole numbers"),
    "conv-groups": ("Conv2D", {"groups": 3}, KERNEL, MAP, "groups=3; takes a divisor of 4 filters"),
    "conv-activation": ("Conv2D", {"activation": "custom"}, KERNEL, MAP, "activation='custom'; takes one of Keras's"),
    "conv-rank": ("Conv2D", {}, KERNEL, ((7, 2),), r"expected an input of rank 3, received \(7, 2\)"),
    "conv-no-kernel": ("Conv2D", {}, {}, MAP, "kernel"),
    "conv-flat-kernel": ("Conv2D", {}, {"kernel": random(6, 4)}, MAP, r"kernel expected of rank 4, received \(6, 4\)"),
    "conv-no-bias": ("Conv2D", {}, {"kernel": random(3, 3, 2, 4)}, MAP, "bias"),
    "conv-short-bias": (
        "Conv2D",
        {},
        {**KERNEL, "bias": random(3)},
        MAP,
        r"bias expected with 4 values, received \(3,\)",
    ),
    "dense-no-kernel": ("Dense", {}, {}, ((5,),), "kernel"),
    "batch-norm-axis": ("BatchNormalization", {"axis": [1, 2]}, STATISTICS, ((5, 3),), "axis=.*; takes one axis"),
    "batch-norm-batch": ("BatchNormalization", {"axis": 0}, STATISTICS, ((5, 3),), "axis=0; takes one axis"),
    "batch-norm-sizes": ("BatchNormalization", {"axis": 1}, STATISTICS, ((5, 3),), "moving_mean expected with 5"),
    "batch-norm-epsilon": (
        "BatchNormalization",
        {"epsilon": "small", "scale": False, "center": False},
        STATISTICS,
        ((5, 3),),
        "epsilon='small'; takes a number",
    ),
    "batch-norm-no-gamma": ("BatchNormalization", {}, STATISTICS, ((5, 3),), "gamma"),
    "pool-size": ("MaxPooling2D", {"pool_size": "2"}, {}, MAP, "pool_size='2'; takes 2 whole numbers"),
    "pool-padding": ("AveragePooling2D", {"padding": "full"}, {}, MAP, "padding='full'; takes 'valid', 'same'"),
    "relu-infinite": ("ReLU", {"max_value": float("inf")}, {}, ((5,),), "max_value=inf; takes a number"),
    "softmax-axes": ("Softmax", {"axis": [1, 2]}, {}, ((5, 3),), "axis=.*; takes one axis other than the batch"),
    "reshape-sizes": ("Reshape", {"target_shape": [4, -1]}, {}, ((5,),), "takes a shape of 5 values"),
    "reshape-two-open": ("Reshape", {"target_shape": [-1, -1]}, {}, ((5,),), "takes a shape of 5 values"),
    "permute-axes": ("Permute", {"dims": [1, 1]}, {}, ((5, 3),), "takes the axes 1 to 2 in any order"),
    "padding-negative": ("ZeroPadding2D", {"padding": [[1, -1], [0, 0]]}, {}, MAP, "takes 2 pairs of whole numbers"),
    "repeat": ("RepeatVector", {"n": 0}, {}, ((5,),), "n=0; takes a positive whole number and a vector"),
    "concatenate-batch": ("Concatenate", {"axis": 0}, {}, ((5,), (3,)), "axis=0; takes an axis other than the batch"),
    "interpolation": ("UpSampling2D", {"interpolation": "lanczos3"}, {}, MAP, "takes 'nearest', 'bilinear'"),
    "resizing": ("Resizing", {"height": 0, "width": 3}, {}, MAP, r"height, width=.*; takes positive whole numbers"),
    "mask": ("Embedding", {"mask_zero": True}, {"embeddings": random(5, 3)}, ((4,),), "mask_zero=True; takes False"),
    "groups": ("GroupNormalization", {"groups": 3}, {}, MAP, "groups=3; takes a divisor of 2 channels"),
    "dot": ("Dot", {"axes": None}, {}, ((5,), (5,)), "axes=None; takes one axis of each of two inputs"),
}


@pytest.mark.parametrize("layer_type, config, weights, shapes, words", REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_says_what_came_and_what_is_taken(layer_type, config, weights, shapes, words):
    call = LayerCall(name="layer", layer_type=layer_type, config=config, weights=weights, input_shapes=shapes)
    with pytest.raises(UnsupportedLayerError, match=words) as refusal:
        LAYERS.lower(call)
    assert refusal.value.code in ("unsupported-argument", "missing-weights", "shape-mismatch")


@pytest.mark.parametrize("entry", list(LAYERS), ids=lambda entry: entry.layer_type)
def test_every_entry_says_in_a_line_what_becomes_of_the_layer(entry):
    assert entry.summary
    assert "\n" not in entry.summary
    assert (entry.handler is None) == bool(entry.refusal)


@pytest.mark.parametrize("entry", [e for e in LAYERS if e.accepts], ids=lambda entry: entry.layer_type)
def test_the_first_value_that_is_taken_is_the_default(entry):
    for values in entry.accepts.values():
        assert len(set(values)) == len(values) > 0


def test_a_child_adds_to_its_parent_and_comes_first():
    child = LAYERS.child()
    child.register("Mystery", "Dense")(doubled)
    call = LayerCall(name="d", layer_type="Dense", weights={"kernel": random(5, 3), "bias": random(3)})
    assert isinstance(child.lower(call)[0], ScaleShift)
    assert isinstance(LAYERS.lower(call)[0], Dense)
    assert "Mystery" in child
    assert "Mystery" not in LAYERS
    assert child["Conv2D"] is LAYERS["Conv2D"]
    names = [entry.layer_type for entry in child]
    assert names == sorted({*(entry.layer_type for entry in LAYERS), "Mystery"})


def test_a_child_may_take_what_its_parent_refuses():
    child = LAYERS.child()
    child.register("Lambda")(doubled)
    assert child.lower(LayerCall(name="twice", layer_type="Lambda"))


@pytest.mark.parametrize("again", ["register", "refuse"])
def test_a_duplicate_is_an_error_that_says_where_to_put_it(again):
    layers = LayerRegistry()
    layers.register("Dense")(doubled)
    with pytest.raises(UsageError, match=r"Dense: .* put yours in LAYERS\.child\(\)"):
        layers.register("Dense")(doubled) if again == "register" else layers.refuse("Dense", code="recurrent")


def test_an_unknown_layer_is_unsupported():
    with pytest.raises(UnsupportedLayerError) as refusal:
        LAYERS.lower(LayerCall(name="odd", layer_type="Mystery"))
    assert refusal.value.code == "unknown-layer"
    with pytest.raises(KeyError):
        LAYERS["Mystery"]


def test_a_fallback_takes_what_the_handler_does_not():
    layers = LayerRegistry()
    layers.register("Odd", fallback=lambda call: (Identity(),), mode=("fast", ("a", 1)))(doubled)

    def kind(**config: object) -> str:
        return layers.lower(LayerCall(name="odd", layer_type="Odd", config=config))[0].kind

    assert [kind(), kind(mode="fast"), kind(mode=["a", 1]), kind(mode="slow"), kind(mode=None)] == [
        "ScaleShift",
        "ScaleShift",
        "ScaleShift",
        "Identity",
        "Identity",
    ]


def test_handlers_make_plain_ops_without_tensorflow():
    call = LayerCall(name="c", layer_type="Conv2D", config={"activation": "relu"}, weights=KERNEL, input_shapes=MAP)
    conv, relu = LAYERS.lower(call)
    assert isinstance(conv, Conv)
    assert isinstance(relu, Activation)
    assert relu.is_relu


def mystery_file(path):
    """A file with a layer that only its author knows."""
    config = small_files.sequential(
        small_files.layer("InputLayer", "x", batch_shape=[None, 5]),
        small_files.layer("Dense", "first", units=4, activation="relu", use_bias=True),
        small_files.layer("Mystery", "odd", factor=3.0),
        small_files.layer("Dense", "last", units=2, activation="linear", use_bias=True),
    )
    shapes = {"first": (5, 4), "last": (4, 2)}
    weights = {name: {"kernel": random(*shape), "bias": random(shape[1])} for name, shape in shapes.items()}
    weights["odd"] = {"offset": random(4)}
    return small_files.write_h5(path, config, weights), weights


def test_a_handler_of_ones_own_from_file_to_spikes(tmp_path):
    path, weights = mystery_file(tmp_path / "model.h5")
    layers = spikeport.LAYERS.child()

    @layers.register("Mystery", factor=(3.0,))
    def mystery(call: LayerCall) -> tuple[Op, ...]:
        """Become a scale and shift, then neurons."""
        factor = np.full(1, call.config["factor"], np.float32)
        return ScaleShift(scale=factor, shift=call.weights["offset"]), Activation(function="relu")

    x = random(6, 5)
    network = spikeport.convert(path, x, layers=layers)
    hidden = np.maximum(x @ weights["first"]["kernel"] + weights["first"]["bias"], 0)
    hidden = np.maximum(3 * hidden + weights["odd"]["offset"], 0)
    expected = hidden @ weights["last"]["kernel"] + weights["last"]["bias"]
    np.testing.assert_allclose(network.run(x, spiking=False).output, expected, atol=1e-4)
    spiking = network.run(x, 400).output
    assert np.abs(spiking - expected).mean() < 0.02 * np.ptp(expected)
    (entry,) = (entry for entry in network.report.layers if entry.layer == "odd")
    assert entry.code == "spiking"


def test_without_the_handler_the_error_says_how_to_register_one(tmp_path):
    path, _ = mystery_file(tmp_path / "model.h5")
    with pytest.raises(spikeport.ConversionError, match=r"odd \(Mystery\): .* To fix it: register a handler"):
        spikeport.convert(path)
