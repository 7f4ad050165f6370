"""Every Keras layer of the table: the rate network equals Keras, spikes come nearer to it, and backends agree."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np
import pytest

import spikeport
from comparison import assert_equals_keras, assert_same_events, mean_error
from keras_models import Samples, keras_output, model_around, model_of, samples_for
from layer_cases import CASES, KERAS2_ONLY, REFUSED
from one_layer import Case
from operation_cases import OPERATION_LAYERS
from spikeport.converter.layers import UnsupportedLayerError
from spikeport.converter.ops import ACTIVATIONS, Neurons
from spikeport.converter.report import Severity

FEW_STEPS, MANY_STEPS = 16, 256
SPIKING_TOLERANCE = 0.02  # of the output's range, after MANY_STEPS

each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)


@cache
def inputs_of(case: Case, count: int = 5) -> Samples:
    return samples_for(case.shapes, case.id, count, whole=case.whole)


@cache
def expected_alone(case: Case) -> np.ndarray:
    model = model_of(case.reference(), case.shapes, case.id)
    return keras_output(model, inputs_of(case))[model.output_names[0]]


@cache
def expected_surrounded(case: Case) -> np.ndarray:
    model = model_around(case.reference(), case.shapes, case.id, first=case.whole)
    return keras_output(model, inputs_of(case))[model.output_names[0]]


@cache
def alone(case: Case) -> Any:
    return model_of(case.make(), case.shapes, case.id)


@cache
def surrounded(case: Case) -> Any:
    return model_around(case.make(), case.shapes, case.id, first=case.whole)


@cache
def converted(case: Case, neurons: str) -> spikeport.SpikingNetwork:
    if case.live:
        return spikeport.convert(surrounded(case), inputs_of(case), neurons=neurons)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        surrounded(case).save(path)
        return spikeport.convert(path, inputs_of(case), neurons=neurons)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where each case's model lies as a file, once a test has asked for it."""
    return tmp_path_factory.mktemp("layers")


def saved(case: Case, folder: Path, suffix: str) -> Path:
    path = folder / f"{case.id}{suffix}"
    if not path.exists():
        alone(case).save(path)
    return path


@pytest.mark.parametrize(
    "case, source",
    [pytest.param(case, source, id=f"{case.id}-{source}") for case in CASES for source in case.sources],
)
def test_the_rate_network_equals_keras(case, source, folder):
    model = alone(case) if source == "live" else saved(case, folder, source)
    samples = inputs_of(case)
    network = spikeport.convert(model, samples)
    assert_equals_keras(network.run(samples, spiking=False).output, expected_alone(case))


def test_files_are_read_without_keras(folder):
    files = [str(saved(case, folder, suffix)) for case in CASES for suffix in case.files]
    code = (
        "import sys, spikeport\n"
        "for path in sys.stdin.read().split('\\n'):\n"
        "    assert spikeport.check(path)[0].convertible, path\n"
        "heavy = {'keras', 'tensorflow', 'nengo'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], input="\n".join(files), capture_output=True, encoding="utf-8")
    assert (done.returncode, done.stderr) == (0, "")


@each_case
def test_the_rate_network_of_a_layer_among_others_equals_keras(case):
    samples = inputs_of(case)
    assert_equals_keras(converted(case, "graded").run(samples, spiking=False).output, expected_surrounded(case))


@pytest.mark.parametrize("neurons", ["graded", "binary"])
@each_case
def test_the_spiking_error_falls_as_the_steps_grow(case, neurons):
    samples = inputs_of(case)
    expected = expected_surrounded(case)
    over_time = converted(case, neurons).run(samples, MANY_STEPS).outputs_over_time
    (output,) = over_time.values()
    few, many = (mean_error(output[:, steps - 1], expected) for steps in (FEW_STEPS, MANY_STEPS))
    assert many < few
    assert many < SPIKING_TOLERANCE


@pytest.mark.parametrize(
    "case, neurons",
    [pytest.param(case, ("graded", "binary")[number % 2], id=case.id) for number, case in enumerate(CASES)],
)
def test_cpu_equals_nengo_event_for_event(case, neurons):
    network = converted(case, neurons)
    samples = inputs_of(case, 2)
    populations = [node.name for node in network.graph.nodes.values() if isinstance(node.op, Neurons)]
    cpu, nengo = (network.run(samples, 12, backend=name, record=populations) for name in ("cpu", "nengo"))
    assert_same_events(cpu.events, nengo.events)
    assert any(events.any() for events in cpu.events.values())
    for name, values in nengo.outputs_over_time.items():
        assert_equals_keras(cpu.outputs_over_time[name], values, tolerance=1e-5)
    assert {name: list(counts) for name, counts in cpu.spike_counts.items()} == {
        name: list(counts) for name, counts in nengo.spike_counts.items()
    }
    assert list(cpu.synaptic_operations) == list(nengo.synaptic_operations)


HANDLED = {entry.layer_type for entry in spikeport.LAYERS if entry.handler is not None}
REFUSALS = {entry.layer_type for entry in spikeport.LAYERS if entry.handler is None}


def test_every_handler_has_a_case():
    assert {case.layer_type for case in CASES} | {"InputLayer"} | OPERATION_LAYERS == HANDLED


def test_every_refusal_of_a_keras_layer_has_a_case():
    assert {name for name in REFUSALS if hasattr(keras.layers, name)} == set(REFUSED)


def test_every_activation_has_a_case():
    named = {case.id.removeprefix("activation-") for case in CASES}
    assert set(ACTIVATIONS) - KERAS2_ONLY <= named


def test_each_case_has_a_name_of_its_own():
    assert len({case.id for case in CASES}) == len(CASES) >= 120


@pytest.mark.parametrize("layer_type", sorted(REFUSALS))
def test_refused_layers_are_refused_whatever_their_config(layer_type):
    with pytest.raises(UnsupportedLayerError) as refusal:
        spikeport.LAYERS.lower(spikeport.LayerCall(name="layer", layer_type=layer_type))
    reason = spikeport.REASONS[refusal.value.code]
    assert reason.severity is Severity.UNSUPPORTED
    assert reason.remedy


@pytest.mark.parametrize("layer_type", REFUSED)
def test_a_model_with_a_refused_layer_is_one_clear_error(layer_type):
    make, shape = REFUSED[layer_type]
    model = model_of(make(), (shape,), layer_type)
    with pytest.raises(spikeport.ConversionError, match=rf"\({layer_type}\): .* To fix it: ") as error:
        spikeport.convert(model)
    assert [entry.layer_type for entry in error.value.report.unsupported] == [layer_type]
