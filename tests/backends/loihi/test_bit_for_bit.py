"""The compiled emulator beside nengo-loihi's own: equal currents, voltages, spikes and rests after every step."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

if importlib.util.find_spec("nengo_loihi") is None:
    pytest.skip("nengo-loihi is not installed", allow_module_level=True)

from spikeport.backends.loihi.compatibility import import_nengo_loihi
from spikeport.backends.loihi.emulator.kernel import CLIPS
from spikeport.backends.loihi.emulator.reading import Layout, program_of
from spikeport.backends.loihi.emulator.run import Emulator
from spikeport.errors import BackendError

nengo_loihi = import_nengo_loihi()
import nengo  # noqa: E402
from nengo_loihi.emulator import EmulatorInterface  # noqa: E402

pytestmark = [
    pytest.mark.loihi,
    pytest.mark.filterwarnings("ignore:numpy.core is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:NengoLoihi does not support initial values:UserWarning"),
]
STEPS = 120
SAMPLES = 2
RELU = nengo.SpikingRectifiedLinear()
LIF = nengo.LIF(tau_rc=0.02, tau_ref=0.002)
SLOW_LIF = nengo_loihi.neurons.LoihiLIF(tau_rc=0.05, tau_ref=0.004)
CHIP_RELU = nengo_loihi.neurons.LoihiSpikingRectifiedLinear()


@dataclass(frozen=True)
class Layer:
    """An ensemble of a test network.

    ``reads`` are layers by name, with the transform and the synapse of each connection.
    """

    shape: tuple[int, ...]
    reads: dict[str, Any]
    neurons: Any = RELU
    block: tuple[int, ...] | None = None
    synapse: float | None = None
    strength: float = 1.0  # of the weights


def conv(shape: tuple[int, ...], filters: int, kernel: int, stride: int = 1, padding: str = "valid") -> Any:
    """A convolution with weights of both signs."""
    rng = np.random.default_rng(filters + kernel)
    weights = rng.normal(0.3, 1, size=(kernel, kernel, shape[2], filters)) / (kernel * np.sqrt(shape[2]))
    return nengo.Convolution(
        filters, shape, strides=(stride, stride), padding=padding, kernel_size=(kernel, kernel), init=weights
    )


def dense(inputs: int, outputs: int, seed: int = 0) -> Any:
    weights = np.random.default_rng(seed).normal(0.3, 1, size=(outputs, inputs)) / np.sqrt(inputs)
    return nengo.Dense(weights.shape, init=weights)


def sparse(inputs: int, outputs: int) -> Any:
    rng = np.random.default_rng(5)
    places = np.array(sorted({(int(rng.integers(outputs)), int(rng.integers(inputs))) for _ in range(3 * outputs)}))
    return nengo.Sparse((outputs, inputs), indices=places, init=rng.normal(size=len(places)))


def pooled(shape: tuple[int, ...], filters: int) -> Any:
    """A 2 × 2 average pooling and the 2 × 2 convolution behind it, as one convolution with stride 2."""
    kernel = np.random.default_rng(9).normal(0.2, 1, size=(2, 2, shape[2], filters))
    whole = np.repeat(np.repeat(kernel, 2, axis=0), 2, axis=1) / 4
    return nengo.Convolution(filters, shape, strides=(2, 2), kernel_size=(4, 4), init=whole)


IMAGE = (9, 8, 2)
MAP = (7, 6, 4)
NETWORKS: dict[str, dict[str, Layer]] = {
    "dense": {"a": Layer((20,), {"x": dense(144, 20)}), "b": Layer((7,), {"a": dense(20, 7)})},
    "dense, several cores": {
        "a": Layer((20,), {"x": dense(144, 20)}, block=(7,)),
        "b": Layer((11,), {"a": dense(20, 11)}, block=(4,)),
    },
    "sparse": {"a": Layer((30,), {"x": sparse(144, 30)}), "b": Layer((20,), {"a": sparse(30, 20)}, block=(6,))},
    "conv valid": {"a": Layer(MAP, {"x": conv(IMAGE, 4, 3)}), "b": Layer((5, 4, 3), {"a": conv(MAP, 3, 3)})},
    "conv same": {
        "a": Layer((9, 8, 4), {"x": conv(IMAGE, 4, 3, padding="same")}),
        "b": Layer((9, 8, 3), {"a": conv((9, 8, 4), 3, 2, padding="same")}),
    },
    "conv with strides": {
        "a": Layer((4, 3, 4), {"x": conv(IMAGE, 4, 3, 2)}),
        "b": Layer((2, 2, 5), {"a": conv((4, 3, 4), 5, 3, 2, "same")}),
    },
    "cores over rows": {
        "a": Layer(MAP, {"x": conv(IMAGE, 4, 3)}, block=(3, 6, 4)),
        "b": Layer((5, 4, 3), {"a": conv(MAP, 3, 3)}, block=(2, 4, 3)),
    },
    "cores over columns": {
        "a": Layer(MAP, {"x": conv(IMAGE, 4, 3)}, block=(7, 4, 4)),
        "b": Layer((5, 4, 3), {"a": conv(MAP, 3, 3)}, block=(5, 3, 3)),
    },
    "cores over channels": {
        "a": Layer(MAP, {"x": conv(IMAGE, 4, 3)}, block=(7, 6, 3)),
        "b": Layer((5, 4, 6), {"a": conv(MAP, 6, 3)}, block=(5, 4, 4)),
    },
    "cores in all directions, LIF": {
        "a": Layer(MAP, {"x": conv(IMAGE, 4, 3)}, LIF, (4, 4, 3), strength=3),
        "b": Layer((5, 4, 6), {"a": conv(MAP, 6, 3)}, SLOW_LIF, (2, 3, 4), synapse=0.005, strength=6),
    },
    "large block, several base offsets": {
        "a": Layer((7, 6, 8), {"x": conv(IMAGE, 8, 3)}),
        "b": Layer((5, 4, 40), {"a": conv((7, 6, 8), 40, 3)}),
    },
    "several inputs into one population": {
        "a": Layer((12,), {"x": dense(144, 12)}),
        "b": Layer((9,), {"x": dense(144, 9, 1)}, LIF, strength=3),
        "c": Layer((10,), {"a": dense(12, 10), "b": dense(9, 10), "x": dense(144, 10, 2)}, block=(4,)),
    },
    "residual": {
        "a": Layer(MAP, {"x": conv(IMAGE, 4, 3)}),
        "b": Layer(MAP, {"a": conv(MAP, 4, 3, padding="same")}, block=(4, 6, 4)),
        "c": Layer(MAP, {"b": conv(MAP, 4, 3, padding="same"), "a": conv(MAP, 4, 1)}, block=(4, 3, 4)),
    },
    "recurrent": {"a": Layer((14,), {"x": dense(144, 14), "a": dense(14, 14, 3)}, CHIP_RELU, block=(5,))},
    "folded pooling": {
        "a": Layer((8, 8, 3), {"x": conv((9, 9, 2), 3, 2)}, block=(4, 8, 3)),
        "b": Layer((3, 3, 5), {"a": pooled((8, 8, 3), 5)}, block=(3, 2, 5)),
    },
    "LIF with synapses": {
        "a": Layer((20,), {"x": dense(144, 20)}, LIF, synapse=0.005, strength=3),
        "b": Layer((8,), {"a": dense(20, 8)}, SLOW_LIF, synapse=0.05, strength=4),
    },
    "ReLU with a synapse": {
        "a": Layer((20,), {"x": dense(144, 20)}, CHIP_RELU, synapse=0.01),
        "b": Layer((8,), {"a": dense(20, 8)}, synapse=0.1, block=(3,)),
    },
}


class Case:
    """A network that nengo-loihi has built, and the same one as a program."""

    def __init__(self, layers: dict[str, Layer]) -> None:
        size = 162 if layers["a"].shape == (8, 8, 3) else 144
        made: dict[str, Any] = {}
        with nengo.Network(seed=1) as network:
            nengo_loihi.add_params(network)
            made["x"] = nengo.Ensemble(size, 1, neuron_type=RELU, label="x")
            network.config[made["x"]].on_chip = False
            for name, layer in layers.items():
                n = int(np.prod(layer.shape))
                bias = np.random.default_rng(n).uniform(-20, 60, n)
                made[name] = nengo.Ensemble(
                    n,
                    1,
                    neuron_type=layer.neurons,
                    gain=np.full(n, layer.strength),
                    bias=layer.strength * bias,
                    label=name,
                )
                if layer.block:
                    network.config[made[name]].block_shape = nengo_loihi.BlockShape(layer.block, layer.shape)
            for name, layer in layers.items():
                for source, transform in layer.reads.items():
                    nengo.Connection(
                        made[source].neurons, made[name].neurons, transform=transform, synapse=layer.synapse
                    )
        with warnings.catch_warnings(), np.errstate(invalid="ignore"):
            warnings.simplefilter("ignore")  # "Lost extra bits": these networks were not made for accuracy
            with nengo_loihi.Simulator(network, target="sim", progress_bar=False) as simulator:
                self.model = simulator.model
        blocks = {name: self.model.objs[made[name]]["in"] for name in layers}
        self.layouts = {
            name: Layout(blocks=blocks[name], shape=layer.shape, block_shape=layer.block or layer.shape)
            for name, layer in layers.items()
        }

    @property
    def order(self) -> np.ndarray:
        """The program's number of each neuron of nengo-loihi's."""
        start, where = 0, {}
        for layout in self.layouts.values():
            for block, inside in layout.places():
                where[block] = inside + start
            start += sum(block.n_neurons for block in layout.blocks)
        return np.concatenate([where[block] for block in self.model.blocks])

    def inputs(self, rate: float) -> np.ndarray:
        """Random spikes, ``(samples, steps, inputs)``; those of a step reach the chip in the next."""
        size = sum(source.n_neurons for source in self.model.inputs)
        spikes = np.random.default_rng(3).random((SAMPLES, STEPS, size)) < rate
        spikes[:, -STEPS // 4 :] = False  # and then silence
        return spikes


def one_step_later(spikes: np.ndarray) -> np.ndarray:
    """The spikes as the compiled emulator takes them: in the step in which they arrive, filled up to groups of 8."""
    arriving = np.zeros((SAMPLES, STEPS, -(-spikes.shape[2] // 8) * 8), np.uint8)
    arriving[:, 1:, : spikes.shape[2]] = spikes[:, :-1]
    return arriving


def assert_equal_in_every_step(case: Case, spikes: np.ndarray, program: Any = None) -> np.ndarray:
    """Run both side by side; return how often each register overflowed in nengo-loihi's."""
    order = case.order
    emulator = Emulator(program or program_of(case.model, case.layouts))
    states = emulator.clean(SAMPLES)
    arriving = one_step_later(spikes)
    fired, clips = 0, 0
    references = [reference(case, sample) for sample in spikes]
    for step in range(STEPS):
        run = emulator.run(arriving[:, step : step + 1], watch=list(case.layouts), states=states)
        clips = clips + run.clips.sum(axis=(0, 2))
        seen = np.concatenate([x.reshape(SAMPLES, -1) for x in run.spikes.values()], axis=1)
        for sample, expected in enumerate(references):
            _, u, v, spiked, rest = expected[step]
            found = states.registers[sample][:, order]
            np.testing.assert_array_equal(found[1], u, err_msg=f"current in step {step}")
            np.testing.assert_array_equal(found[2], v, err_msg=f"voltage in step {step}")
            np.testing.assert_array_equal(found[3], rest, err_msg=f"rest in step {step}")
            np.testing.assert_array_equal(seen[sample][order] != 0, spiked, err_msg=f"spikes in step {step}")
            fired += spiked.sum()
    assert 0 < fired < 0.9 * SAMPLES * STEPS * len(order)
    return clips


def give(case: Case, spikes: np.ndarray) -> None:
    """Let nengo-loihi's emulator find the spikes of a sample."""
    start = 0
    for source in case.model.inputs:
        source.spikes.clear()
        for step in range(STEPS):
            source.add_spikes(step + 1, np.flatnonzero(spikes[step, start : start + source.n_neurons]))
        start += source.n_neurons


def reference(case: Case, spikes: np.ndarray) -> list[tuple[np.ndarray, ...]]:
    """What nengo-loihi's emulator has after each step."""
    give(case, spikes)
    states = []
    with warnings.catch_warnings(), np.errstate(invalid="ignore"):
        warnings.filterwarnings("ignore", "Overflow", UserWarning)
        emulator = EmulatorInterface(case.model, seed=0)
        for _ in range(STEPS):
            emulator.step()
            c = emulator.compartment
            states.append(tuple(x.copy() for x in (c.input[0], c.current, c.voltage, c.spiked, c.ref_count)))
    return states


@pytest.fixture(scope="module")
def case_named() -> Callable[[str], Case]:
    made: dict[str, Case] = {}
    return lambda name: made[name] if name in made else made.setdefault(name, Case(NETWORKS[name]))


@pytest.mark.parametrize("name", NETWORKS)
def test_every_register_is_equal_in_every_step(case_named: Any, name: str) -> None:
    case = case_named(name)
    clips = assert_equal_in_every_step(case, case.inputs(0.08))
    assert not clips[:3].any()


@pytest.mark.parametrize(
    ("name", "registers"),
    [
        ("dense, several cores", ("q0", "voltage")),
        ("conv valid", ("q0", "voltage")),
        ("LIF with synapses", ("q0", "current", "u2", "voltage")),
    ],
)
def test_overflowing_registers_are_equal_too(name: str, registers: tuple[str, ...]) -> None:
    """Weights two thousand times as large, and many spikes at once: 21 and 23 bits are not enough."""
    case = Case(NETWORKS[name])
    for block in case.model.blocks:
        block.compartment.vmax = int(block.compartment.vth.max()) + 100
        for synapse in block.synapses:
            for weights in synapse.weights:
                weights *= 2000
    clips = dict(zip(CLIPS, assert_equal_in_every_step(case, case.inputs(0.5))))
    assert all(clips[register] for register in registers)


def test_without_layouts_each_core_is_a_population(case_named: Any) -> None:
    case = case_named("cores in all directions, LIF")
    spikes = case.inputs(0.1)
    arriving = one_step_later(spikes)
    with_layouts = Emulator(program_of(case.model, case.layouts)).run(arriving, watch=list(case.layouts))
    program = program_of(case.model)
    without = Emulator(program, n_jobs=1).run(arriving, watch=list(program.populations))
    assert len(program.populations) == program.n_cores == len(case.model.blocks)
    flat = np.concatenate([x.reshape(SAMPLES, STEPS, -1) for x in with_layouts.spikes.values()], axis=2)
    np.testing.assert_array_equal(np.concatenate(list(without.spikes.values()), axis=2), flat[:, :, case.order])


def test_operations_are_the_weights_that_spikes_pass(case_named: Any) -> None:
    """Counted one by one, as nengo-loihi's emulator adds them."""
    case = case_named("cores in all directions, LIF")
    spikes = case.inputs(0.1)
    arriving = one_step_later(spikes)
    program = program_of(case.model, case.layouts)
    delivered = Emulator(program).run(arriving).delivered
    counted = np.zeros(program.n_cores, int)
    with np.errstate(invalid="ignore"):
        emulator = EmulatorInterface(case.model, seed=0)
    place = {synapse: core for core, block in enumerate(case.model.blocks) for synapse in block.synapses}
    give(case, spikes[0])
    for _ in range(STEPS):
        emulator.step()
        for synapse, queue in emulator.synapses.spikes_in.items():
            for spike in queue:
                if synapse.axon_compartment_base(spike.axon_idx) is not None:
                    counted[place[synapse]] += synapse.axon_weights_indices(spike.axon_idx, spike.atom)[0].size
    np.testing.assert_array_equal(delivered[0] @ program.synapses, counted)
    assert counted.all()


def test_scaled_currents_are_refused_without_rounding() -> None:
    with nengo.Network(seed=0) as network:
        nengo.Ensemble(5, 1, neuron_type=LIF)
    with (
        np.errstate(invalid="ignore"),
        nengo_loihi.Simulator(network, target="simreal", progress_bar=False) as simulator,
        pytest.raises(BackendError, match="expected neurons whose currents are taken as they are"),
    ):
        program_of(simulator.model)


def test_noise_is_refused(case_named: Any) -> None:
    case = Case(NETWORKS["dense"])
    next(iter(case.model.blocks)).compartment.enable_noise[:] = True
    with pytest.raises(BackendError, match="noise is not emulated here"):
        program_of(case.model, case.layouts)
