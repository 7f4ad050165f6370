"""Small whole models: however Keras puts layers together, the rate network equals it, by its output names."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import numpy as np
import pytest
import tf_keras

import spikeport
from comparison import assert_equals_keras, assert_same_events
from keras_models import keras_output, samples_for, with_random_weights
from model_cases import MODELS
from spikeport.converter.ops import Neurons

CASES = [
    pytest.param(name, library, source, id=f"{name}-{library.__name__}-{source}")
    for name in MODELS
    for library, sources in ((keras, ("live", ".h5", ".keras")), (tf_keras, ("live", ".h5")))
    for source in sources
]


@cache
def model_named(name: str, library: ModuleType) -> Any:
    return with_random_weights(MODELS[name](library), name)


def samples_of(model: Any, seed: str, count: int = 4) -> Any:
    """Samples in the structure in which the model takes them."""
    arrays = samples_for(tuple(tuple(x.shape[1:]) for x in model.inputs), seed, count)
    if not isinstance(getattr(model, "input", None), dict):
        return arrays
    return {x.name: array for x, array in zip(model.inputs, arrays, strict=True)}


@pytest.mark.parametrize("name, library, source", CASES)
def test_the_rate_network_equals_keras(name, library, source, tmp_path):
    model = model_named(name, library)
    samples = samples_of(model, name)
    given = model
    if source != "live":
        given = tmp_path / f"model{source}"
        model.save(given)
    outputs = spikeport.convert(given, samples).run(samples, spiking=False).outputs
    expected = keras_output(model, samples)
    if name == "same_output_twice":  # Keras 2 tells the two apart by name, Keras 3 does not
        expected = {"y": expected["y"], "y_1": expected["y"]}
    assert set(outputs) == set(expected)
    for output, values in expected.items():
        assert_equals_keras(outputs[output], values)


@pytest.mark.parametrize("name", MODELS)
def test_cpu_equals_nengo_event_for_event(name):
    model = model_named(name, keras)
    samples = samples_of(model, name, count=2)
    network = spikeport.convert(model, samples)
    populations = [node.name for node in network.graph.nodes.values() if isinstance(node.op, Neurons)]
    cpu, nengo = (network.run(samples, 12, backend=backend, record=populations) for backend in ("cpu", "nengo"))
    assert_same_events(cpu.events, nengo.events)
    for output, values in nengo.outputs_over_time.items():
        assert_equals_keras(cpu.outputs_over_time[output], values, tolerance=1e-5)
    assert list(cpu.synaptic_operations) == list(nengo.synaptic_operations)


@pytest.mark.parametrize("name", MODELS)
def test_a_saved_network_is_the_same_network(name, tmp_path):
    model = model_named(name, keras)
    samples = samples_of(model, name, count=2)
    network = spikeport.convert(model, samples)
    network.save(tmp_path / "net.h5")
    again = spikeport.load(tmp_path / "net.h5")
    assert list(again.graph.nodes) == list(network.graph.nodes)
    assert again.report == network.report
    first, second = (n.run(samples, 8).outputs_over_time for n in (network, again))
    assert all(np.array_equal(first[output], second[output]) for output in network.graph.outputs)


def test_inputs_may_be_given_by_name_in_any_order():
    model = model_named("several_inputs", keras)
    vector, image, other = samples_of(model, "by name")
    network = spikeport.convert(model, [vector, image, other])
    by_name = {"image": image, "other": other, "vector": vector}
    in_order = network.run([vector, image, other], spiking=False).output
    assert np.array_equal(network.run(by_name, spiking=False).output, in_order)


def test_a_layer_used_twice_has_two_entries_and_the_same_weights():
    network = spikeport.convert(model_named("shared_layer", keras), samples_of(model_named("shared_layer", keras), "x"))
    dense = [entry.layer for entry in network.report.layers if entry.layer_type == "Dense"]
    assert sorted(name.partition(":")[2] for name in dense) == ["", "", "1", "2"]


def test_layers_of_a_nested_model_carry_its_name():
    model = model_named("nested_sequential", keras)
    names = [entry.layer for entry in spikeport.check(model)[0].layers]
    assert {"first/conv", "first/norm2", "second/conv", "second/norm2"} <= set(names)


class Subclassed(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.dense = keras.layers.Dense(3)

    def call(self, x: Any) -> Any:
        return self.dense(x)


def subclassed() -> Any:
    model = Subclassed()
    model(np.zeros((1, 5), np.float32))
    return model


@pytest.mark.parametrize("source", ["live", ".keras"])
def test_a_subclassed_model_is_one_clear_error(source, tmp_path):
    given: Any = subclassed()
    if source != "live":
        given.save(tmp_path / f"model{source}")
        given = tmp_path / f"model{source}"
    with pytest.raises(
        spikeport.SourceError, match=r"a subclassed model has no graph .*keras\.Model\(inputs, outputs\)"
    ):
        spikeport.convert(given)


def unbuilt() -> Any:
    return keras.Sequential([keras.layers.Dense(4, activation="relu"), keras.layers.Dense(3)])


def test_an_unbuilt_model_asks_for_the_input_shape():
    with pytest.raises(spikeport.SourceError, match=r"no input shape; pass the shape of one sample: input_shape="):
        spikeport.convert(unbuilt())


def open_axes(library: ModuleType) -> Any:
    """A model for images of any size."""
    x = library.Input((None, None, 2))
    y = library.layers.GlobalAveragePooling2D()(library.layers.Conv2D(3, 3, activation="relu")(x))
    return with_random_weights(library.Model(x, y), "open axes")


def test_open_axes_ask_for_the_input_shape():
    with pytest.raises(spikeport.SourceError, match=r"open axes, \(None, None, 2\); pass the shape of one sample"):
        spikeport.convert(open_axes(keras))


@pytest.mark.parametrize("library", [keras, tf_keras], ids=lambda library: library.__name__)
def test_the_input_shape_may_be_given(library, tmp_path):
    model = open_axes(library)
    model.save(tmp_path / "model.h5")
    samples = samples_for(((7, 5, 2),), "open axes")
    network = spikeport.convert(tmp_path / "model.h5", samples, input_shape=(7, 5, 2))
    (expected,) = keras_output(model, samples).values()
    assert_equals_keras(network.run(samples, spiking=False).output, expected)
    assert "input-shape-given" in [note.code for note in network.report.notes]


@pytest.mark.parametrize("given", [(7, 5, 3), (7, 5), (7, 5, 2, 1)])
def test_a_given_input_shape_has_to_fit(given):
    with pytest.raises(spikeport.SourceError, match="expected input_shape to fit the model's"):
        spikeport.convert(open_axes(keras), input_shape=given)


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_a_model_built_by_its_first_call_needs_no_input_shape(suffix, tmp_path):
    model = unbuilt()
    samples = samples_for(((5,),), "built late")
    model(samples)
    with_random_weights(model, "built late")
    model.save(tmp_path / f"model{suffix}")
    (expected,) = keras_output(model, samples).values()
    for given in (model, Path(tmp_path / f"model{suffix}")):
        assert_equals_keras(spikeport.convert(given, samples).run(samples, spiking=False).output, expected)


def test_what_is_no_model_is_refused():
    with pytest.raises(
        spikeport.UsageError, match="expected the path of a Keras file or a Keras model, received Dense"
    ):
        spikeport.convert(keras.layers.Dense(3))
