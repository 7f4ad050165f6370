"""finetune: train a converted network further, so that it needs fewer steps or fewer spikes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from ..samples import as_samples
from .objective import objective
from .recipes import METHODS

if TYPE_CHECKING:
    from ..network import SpikingNetwork

__all__ = ["finetune"]


def finetune(
    net: SpikingNetwork,
    x: Any,
    y: Any = None,
    *,
    n_steps: int | None = None,
    method: str = "qcfs",
    epochs: int = 2,
    batch_size: int = 64,
    learning_rate: float = 5e-4,
    optimizer: Any = None,
    loss: Any = None,
    rate_range: tuple[float, float] | None = None,
    rate_percentile: float = 99.0,
    rate_weight: float = 1e-3,
    centralise: bool = False,
    seed: int = 0,
    callbacks: Sequence[Any] = (),
    on_progress: Callable[[int], None] | None = None,
) -> SpikingNetwork:
    """Train a converted network further, for a number of steps.

    Parameters
    ----------
    x
        Training samples ``(n, *shape)``, preprocessed as for the model; a list or mapping for several inputs.
    y
        Class numbers, one-hot rows, or targets of the output's shape; None trains towards the network's own rates.
    n_steps
        The steps to train for; by default those that the conversion was made for. The result runs for these by default.
    method
        One of `METHODS`. "qcfs" trains a network without time whose activations are quantised as the neurons will, so
        it costs as much as training the model. "rate" runs the neurons through all steps, with the gradient of their
        mean rates; "surrogate" goes back through time. "loihi" runs the chip's own neurons, which forget what is beyond
        the threshold, with weights in the steps of its 8 bits; the first 128 samples are its calibration.
    learning_rate
        Of Adam, falling to 0 as a cosine; without effect beside ``optimizer``.
    loss
        Instead of the loss that suits the output.
    rate_range
        (lowest, highest) rate in Hz, events a step of 1 ms times 1000, inside which a percentile of each neuron's rates
        over the batch is kept.
    rate_percentile, rate_weight
        Which percentile, and what a Hz outside the range costs.
    centralise
        Take the mean off each gradient (`training.centralised`).
    seed
        Of the order of the samples.
    callbacks
        Of Keras.
    on_progress
        Called with the number of samples done since the last call.

    Returns
    -------
    network
        With the trained weights and thresholds.

    Raises
    ------
    UsageError
        For a method that does not exist, or a network with several outputs.
    DataError
        For samples or labels that do not fit.
    BackendError
        For neurons that draw random numbers, with "qcfs" neurons that lose current, or with "loihi" a network that does
        not go on the chip.
    """
    if method not in METHODS:
        raise UsageError(f"expected a method out of {', '.join(METHODS)}, received {method!r}")
    if epochs < 1 or batch_size < 1:
        raise UsageError(f"expected at least 1 epoch and 1 sample a batch, received {epochs} and {batch_size}")
    from ..converter.keras_import import import_keras

    keras = import_keras()
    from ..training.centralisation import centralised
    from .batches import Batches
    from .callbacks import Progress
    from .rates import keep_rates

    steps = net.target_steps if n_steps is None else int(n_steps)
    samples = as_samples(net.graph, x)
    own_loss, targets = objective(net, x, y)
    trainee = METHODS[method](net, steps, samples)
    model = trainee.model
    if rate_range is not None:
        keep_rates(model, rate_range, rate_percentile, rate_weight)
    if optimizer is None:
        rounds = epochs * math.ceil(len(targets) / batch_size)
        optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(learning_rate, rounds))
    model.compile(centralised(optimizer) if centralise else optimizer, own_loss if loss is None else loss)
    followers = [*trainee.callbacks, *callbacks]
    if on_progress is not None:
        followers.append(Progress(on_progress, batch_size, len(targets)))
    model.fit(Batches(samples, targets, batch_size, seed), epochs=epochs, shuffle=False, verbose=0, callbacks=followers)
    facts = {"method": method, "n_steps": steps, "epochs": epochs, "samples": len(targets), "seed": seed}
    tuned = trainee.trained()
    return replace(tuned, target_steps=steps, provenance={**tuned.provenance, "fine_tuned": facts})
