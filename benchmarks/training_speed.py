"""Time of a training step beside snnTorch (tutorial 6) and Spyx (2 × 128 recurrent neurons), in one run.

``python benchmarks/training_speed.py snntorch`` alternates iterations of the two networks of snnTorch's tutorial 6,
ours on TensorFlow; ``spyx`` alternates steps of Spyx's network, both on JAX, on spikes made at random. Each needs the
other program in the environment that runs this: ``pip install snntorch spyx 'jax[cpu]'``. ``--threads`` is for all.

What is printed is the median of the iterations after the first two, which compile, and the ratio of the medians.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

_PAUSE = 0.5  # seconds: threads that go on spinning after a turn take no time from the next one
EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def example(name: str) -> ModuleType:
    """An example, as a module."""
    specification = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def snntorch_step(threads: int) -> Callable[[np.ndarray, np.ndarray], float]:
    """An iteration of the tutorial, as its page writes it."""
    import snntorch
    import torch
    from snntorch import functional, surrogate, utils
    from torch import nn

    torch.set_num_threads(threads)
    neuron = {"beta": 0.5, "spike_grad": surrogate.fast_sigmoid(slope=25), "init_hidden": True}
    net = nn.Sequential(
        nn.Conv2d(1, 12, 5),
        nn.MaxPool2d(2),
        snntorch.Leaky(**neuron),
        nn.Conv2d(12, 64, 5),
        nn.MaxPool2d(2),
        snntorch.Leaky(**neuron),
        nn.Flatten(),
        nn.Linear(64 * 4 * 4, 10),
        snntorch.Leaky(**neuron, output=True),
    )
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2, betas=(0.9, 0.999))
    loss_of = functional.ce_rate_loss()

    def step(x: np.ndarray, y: np.ndarray) -> float:
        data, targets = torch.from_numpy(x.transpose(0, 3, 1, 2).copy()), torch.from_numpy(y)
        utils.reset(net)
        recorded = torch.stack([net(data)[0] for _ in range(50)])
        loss = loss_of(recorded, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return float(loss)

    return step


def our_snntorch_step() -> Callable[[np.ndarray, np.ndarray], float]:
    """An iteration of the same network in Keras."""
    import keras

    from spikeport import training

    tutorial = example("snntorch_tutorial_6")
    model = tutorial.network((28, 28, 1), 50, (5, 5), (12, 64))
    model.compile(keras.optimizers.Adam(1e-2), training.MembraneCrossEntropy())
    return lambda x, y: float(model.train_on_batch(x, y))


def spyx_step(steps: int, channels: int) -> Callable[[np.ndarray, np.ndarray], float]:
    """A step of Spyx's network, as its tutorial writes it."""
    import jax
    import optax
    from flax import nnx
    from spyx import axn, fn, nn

    rngs = nnx.Rngs(0)
    model = nn.Sequential(
        nnx.Linear(channels, 128, use_bias=False, rngs=rngs),
        nn.RLIF((128,), activation=axn.arctan(), rngs=rngs),
        nnx.Linear(128, 128, use_bias=False, rngs=rngs),
        nn.RLIF((128,), activation=axn.arctan(), rngs=rngs),
        nnx.Linear(128, 10, use_bias=False, rngs=rngs),
        nn.LI((10,), rngs=rngs),
    )
    optimizer = nnx.Optimizer(model, optax.chain(optax.centralize(), optax.lion(5e-4)), wrt=nnx.Param)
    loss_of = fn.integral_crossentropy()

    @nnx.jit
    def train(model: Any, optimizer: Any, x: Any, y: Any) -> Any:
        def loss(model: Any) -> Any:
            return loss_of(nn.run(model, x, batch_major=True)[0], y)

        value, gradients = nnx.value_and_grad(loss)(model)
        optimizer.update(model, gradients)
        return value

    return lambda x, y: float(jax.block_until_ready(train(model, optimizer, x, y)))


def our_spyx_step(steps: int, channels: int, iterations: int) -> Callable[[np.ndarray, np.ndarray], float]:
    """A step of the same network in Keras."""
    digits = example("spoken_digits")
    model = digits.compiled(digits.network(channels, steps), 5e-4, iterations)
    return lambda x, y: float(np.asarray(model.train_on_batch(x, y)).reshape(-1)[0])


def main() -> None:
    """Alternate the two, and print medians."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("other", choices=("snntorch", "spyx"))
    parser.add_argument("--iterations", type=int, default=12, help="of each (default: 12)")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="of TensorFlow and torch")
    options = parser.parse_args()
    os.environ["KERAS_BACKEND"] = "tensorflow" if options.other == "snntorch" else "jax"
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    rng = np.random.default_rng(0)
    if options.other == "snntorch":
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(options.threads)
        x, y = rng.random((128, 28, 28, 1), np.float32), rng.integers(0, 10, 128)
        contestants = {"spikeport": our_snntorch_step(), "snntorch": snntorch_step(options.threads)}
    else:
        x, y = (rng.random((256, 128, 128)) < 0.05).astype(np.float32), rng.integers(0, 10, 256)
        contestants = {"spikeport": our_spyx_step(128, 128, options.iterations), "spyx": spyx_step(128, 128)}
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(options.iterations):
        for name, step in contestants.items():
            time.sleep(_PAUSE)
            started = time.perf_counter()
            step(x, y)
            seconds[name].append(time.perf_counter() - started)
    medians = {name: float(np.median(took[2:])) for name, took in seconds.items()}
    for name, took in seconds.items():
        spread = f"{min(took[2:]):.3f} … {max(took[2:]):.3f}"
        print(f"{name:10} first {took[0]:6.2f} s, then {medians[name]:.3f} s ({spread})")
    pairs = np.array(seconds["spikeport"][2:]) / np.array(seconds[options.other][2:])
    ratio = medians["spikeport"] / medians[options.other]
    print(f"ratio      {ratio:.2f} of medians, {np.median(pairs):.2f} median of pairs")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
