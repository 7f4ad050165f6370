"""Operations among the layers: the rate network equals Keras, pieces become neurons, the others say why not."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import spikeport
from comparison import assert_equals_keras, mean_error
from keras_models import keras_output, samples_for, with_random_weights
from operation_cases import (
    NO_OPERATION,
    OPERATION_CASES,
    OPERATION_LAYERS,
    PIECEWISE,
    REFUSED_OPERATIONS,
    OperationCase,
)
from spikeport.converter.layers.operations import OPERATIONS, operation_name
from spikeport.converter.ops import FUNCTIONS, Neurons
from spikeport.converter.sources import read_model

TOLERANCE = 1e-5  # of the output's range
FEW_STEPS, MANY_STEPS = 16, 256
SAMPLES = samples_for(((4, 6),), "operations", 3)


@cache
def model_with(case: OperationCase) -> Any:
    """A model of the operation behind two Dense layers."""
    dense = case.library.layers.Dense
    x = case.library.Input((4, 6))
    return with_random_weights(case.library.Model(x, case.apply(dense(5)(x), dense(5)(x))), case.id)


def given(case: OperationCase, source: str, folder: Path) -> Any:
    """The live model, or a file of it."""
    if source == "live":
        return model_with(case)
    path = folder / f"model{source}"
    model_with(case).save(path)
    return path


def in_every_source(cases: tuple[OperationCase, ...]) -> Any:
    return pytest.mark.parametrize(
        "case, source", [pytest.param(c, s, id=f"{c.id}-{s}") for c in cases for s in c.sources]
    )


@in_every_source(OPERATION_CASES)
def test_the_rate_network_equals_keras(case, source, tmp_path):
    (expected,) = keras_output(model_with(case), SAMPLES).values()
    network = spikeport.convert(given(case, source, tmp_path), SAMPLES)
    assert_equals_keras(network.run(SAMPLES, spiking=False).output, expected, TOLERANCE)


@in_every_source(REFUSED_OPERATIONS)
def test_what_cannot_be_converted_has_one_reason(case, source, tmp_path):
    with pytest.raises(spikeport.ConversionError, match=case.words) as error:
        spikeport.convert(given(case, source, tmp_path), SAMPLES)
    (entry,) = (e for e in error.value.report.unsupported if e.code != "after-unsupported")
    assert entry.code == "unsupported-argument"


def used_in(case: OperationCase) -> set[str]:
    """The operations in the model of a case, and the layers that Keras has in place of some of Keras 3's."""
    calls = read_model(model_with(case)).calls
    return {"relu" if call.layer_type == "ReLU" else operation_name(call) for call in calls}


@pytest.mark.parametrize("case", OPERATION_CASES, ids=lambda case: case.id)
def test_a_case_holds_the_operation_that_it_names(case):
    assert case.operation in used_in(case)


def test_every_operation_has_a_case():
    assert {case.operation for case in OPERATION_CASES} == {*OPERATIONS, *FUNCTIONS} - set(NO_OPERATION)


def test_the_cases_hold_every_form_of_operations():
    types = {call.layer_type for case in OPERATION_CASES for call in read_model(model_with(case)).calls}
    forms = {"ops.*" if name.startswith("ops.") else name for name in types}
    assert forms >= OPERATION_LAYERS


def piecewise_model(name: str) -> Any:
    x = keras.Input((6,))
    inside = PIECEWISE[name](keras.layers.Dense(5)(x))
    return with_random_weights(keras.Model(x, keras.layers.Dense(3)(inside)), name)


@pytest.mark.parametrize("neurons", ["graded", "binary"])
@pytest.mark.parametrize("name", PIECEWISE)
def test_straight_pieces_become_neurons_whose_error_falls(name, neurons):
    model, samples = piecewise_model(name), samples_for(((6,),), name, 24)
    network = spikeport.convert(model, samples, neurons=neurons)
    assert any(isinstance(node.op, Neurons) for node in network.graph.nodes.values())
    assert all(node.op.linear or isinstance(node.op, Neurons) for node in network.graph.nodes.values())
    (expected,) = keras_output(model, samples).values()
    (output,) = network.run(samples, MANY_STEPS).outputs_over_time.values()
    few, many = (mean_error(output[:, steps - 1], expected) for steps in (FEW_STEPS, MANY_STEPS))
    assert many < few / 2
    assert many < 0.01


def test_a_constant_may_hold_a_value_for_each_place():
    x = keras.Input((4, 5))
    constant = np.arange(20, dtype=np.float32).reshape(4, 5)
    model = keras.Model(x, (x - constant) * constant)
    samples = samples_for(((4, 5),), "places", 3)
    (expected,) = keras_output(model, samples).values()
    assert_equals_keras(spikeport.convert(model, samples).run(samples, spiking=False).output, expected, TOLERANCE)
