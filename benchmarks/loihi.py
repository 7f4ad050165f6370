"""The compiled emulator of the Loihi chip beside nengo-loihi's own, on the same discretised network, in one run.

Run it as ``python benchmarks/loihi.py [--network mnist|cifar] [--data DATA.npz]``. The networks are those of
nengo-loihi's examples keras-to-loihi and cifar10-convnet, with random weights that are calibrated on the samples;
without ``--data`` these are scikit-learn's digits, enlarged. Each round runs both emulators, so that a busy machine
slows both alike, and the spikes of all populations are compared.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
import warnings
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import layers

import spikeport
from spikeport.backends.loihi.arrivals import spikes_of
from spikeport.backends.loihi.emulator.reading import Layout
from spikeport.backends.loihi.emulator.run import Emulator
from spikeport.backends.loihi.presentation import fed
from spikeport.backends.loihi.simulation import Simulation
from spikeport.demo.digits import digits_data
from spikeport.samples import load_npz

BATCH = 64
NETWORKS: dict[str, tuple[tuple[int, int, int], list[tuple[int, int, int]]]] = {  # input; filters, kernel, strides
    "mnist": ((28, 28, 1), [(3, 1, 1), (32, 3, 2), (64, 3, 2)]),
    "cifar": ((32, 32, 3), [(4, 1, 1), (64, 3, 2), (72, 3, 1), (256, 3, 2), (256, 1, 1), (64, 1, 1)]),
}


def model(name: str) -> keras.Model:
    """The network, with a hidden Dense layer of 100 and a read-out of 10."""
    keras.utils.set_random_seed(0)
    shape, convolutions = NETWORKS[name]
    image = values = keras.Input(shape)
    for filters, kernel, strides in convolutions:
        values = layers.Conv2D(filters, kernel, strides=strides, activation="relu")(values)
    values = layers.Dense(100, activation="relu")(layers.Flatten()(values))
    return keras.Model(image, layers.Dense(10)(values))


def enlarged_digits(shape: tuple[int, int, int]) -> np.ndarray:
    """scikit-learn's 8 × 8 digits, each pixel as a square, in as many channels as wanted."""
    digits = np.asarray(digits_data()[1][0])[:BATCH].reshape(-1, 8, 8)
    times = shape[0] // 8
    large = np.kron(digits, np.ones((1, times, times)))
    edges = [((n - 8 * times) // 2, n - 8 * times - (n - 8 * times) // 2) for n in shape[:2]]
    return np.repeat(np.pad(large, ((0, 0), *edges))[..., None], shape[2], axis=3).astype(np.float32)


def fill(source: Any, spikes: np.ndarray) -> None:
    """Put the spikes of a sample, ``(steps, inputs)``, where nengo-loihi's emulator looks for them."""
    source.spikes.clear()
    for step in range(1, len(spikes)):
        source.add_spikes(step, np.flatnonzero(spikes[step]))  # those of a step arrive in the next


def equal(population: Any, blocks: Any, found: np.ndarray, spiked: np.ndarray, theirs: Any) -> bool:
    """Say whether a population's spikes of one sample are those of nengo-loihi's emulator, ``(steps, neurons)``."""
    placement = population.fitted.placement
    layout = Layout(blocks=blocks, shape=placement.shape, block_shape=placement.block_shape)
    flat = found.reshape(len(spiked), -1) != 0
    slices = theirs.block_info.slices
    return all(np.array_equal(flat[:, inside], spiked[:, slices[block]]) for block, inside in layout.places())


def main() -> None:
    """Time both emulators in turns."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--network", choices=NETWORKS, default="mnist")
    parser.add_argument("--data", type=Path, help="an .npz file with x of the network's shape")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=1, help="threads of the compiled emulator (default: 1)")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", category=RuntimeWarning)  # nengo-loihi fills integers with NaN

    shape = NETWORKS[options.network][0]
    x = np.asarray(load_npz(options.data)[0] if options.data else enlarged_digits(shape), np.float32)
    x = np.resize(x, (BATCH, *x.shape[1:]))
    net = spikeport.convert(model(options.network), calibration=x, target="loihi")
    deployment = net.deploy("loihi", calibration=x)
    scaled, presentation = deployment._for(options.steps, deployment._ranges([x]))
    program = presentation.chip.program
    emulator = Emulator(program, options.jobs)
    (feeds,) = fed(net.graph, [x], BATCH)
    flags = spikes_of(presentation.chip.arrivals, presentation.currents(feeds), options.steps, emulator.width)
    simulation = Simulation(scaled)
    theirs = simulation._simulator.sims["emulator"]
    names = list(program.populations)
    emulator.run(flags[:1])  # compiles what is compiled at first use

    seconds: dict[str, list[float]] = {"nengo-loihi": [], "compiled": []}
    for sample in range(options.rounds):
        start = time.perf_counter()
        ours = emulator.run(flags)
        seconds["compiled"].append((time.perf_counter() - start) / options.steps / BATCH)
        found = emulator.run(flags[sample : sample + 1], watch=names).spikes
        begin = 0
        for source in theirs.inputs:
            fill(source, flags[sample, :, begin : begin + source.n_neurons])
            begin += source.n_neurons
        theirs = type(theirs)(simulation._simulator.model, seed=0)
        took, spiked = 0.0, []
        for _ in range(options.steps):
            start = time.perf_counter()
            theirs.step()
            took += time.perf_counter() - start
            spiked.append(theirs.compartment.spiked.copy())
        seconds["nengo-loihi"].append(took / options.steps)
        counts = [int(spikes.sum()) for spikes in found.values()]
        sent = np.array(spiked)
        if not all(equal(scaled[name], simulation.blocks[name], found[name], sent, theirs) for name in names):
            raise SystemExit("the emulators differ: run tests/backends/loihi/test_bit_for_bit.py")
    simulation.close()

    ours_ms, theirs_ms = (1e3 * statistics.median(seconds[name]) for name in ("compiled", "nengo-loihi"))
    rates = ", ".join(f"{1e3 * n / options.steps / program.populations[k].size:.0f}" for k, n in zip(names, counts))
    operations = float((ours.delivered.sum(axis=0) @ program.synapses).sum()) / BATCH / options.steps
    print(f"{options.network}: {program.n_neurons:,} neurons on {program.n_cores} cores, at {rates} Hz")
    print(
        f"{operations:,.0f} synaptic operations a step; {options.steps} steps, batch {BATCH}, {options.jobs} thread(s)"
    )
    print(f"nengo-loihi's emulator {theirs_ms:9.3f} ms a step of an image")
    print(f"the compiled emulator  {ours_ms:9.3f} ms a step of an image: {theirs_ms / ours_ms:,.0f} times as fast")


if __name__ == "__main__":
    main()
