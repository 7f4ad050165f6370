"""The recipes of fine-tuning: the Keras model that each trains, and the network that comes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ..converter.ops import Array
from ..errors import UsageError

if TYPE_CHECKING:
    from ..network import SpikingNetwork

__all__ = ["METHODS", "Trainee"]

_CALIBRATION_SAMPLES = 128


@dataclass(frozen=True, eq=False, kw_only=True)
class Trainee:
    """What a recipe trains.

    Attributes
    ----------
    model
        A Keras model that puts out what the network does.
    trained
        Returns the network with the model's weights as they are.
    callbacks
        Of Keras, that the recipe needs.
    """

    model: Any
    trained: Callable[[], SpikingNetwork]
    callbacks: Sequence[Any] = ()


Recipe = Callable[["SpikingNetwork", int, Sequence[Array]], Trainee]


def _as_it_is(net: SpikingNetwork, n_steps: int, samples: Sequence[Array], **options: Any) -> Trainee:
    model = net.to_keras(n_steps, **options)
    return Trainee(model=model, trained=lambda: net.update(model))


def _as_on_loihi(net: SpikingNetwork, n_steps: int, samples: Sequence[Array]) -> Trainee:
    if not net.has_rates:
        raise UsageError("method='loihi': expected a converted network, received one that was trained on spikes")
    from ..backends.keras.model import keras_model, trained_graph
    from .chip_twin import ChipTwin, chip_twin, untwinned
    from .follow_chip import FollowChip

    some = [x[:_CALIBRATION_SAMPLES] for x in samples]

    def twin_of(current: SpikingNetwork) -> ChipTwin:
        deployment: Any = current.deploy("loihi", calibration=some)
        return chip_twin(current.graph, deployment.scaled(some, n_steps))

    twin = twin_of(net)
    model = keras_model(twin.graph, n_steps, grids=twin.grids)
    for layer in model.layers:
        if getattr(layer, "node", "") in twin.given:
            layer.trainable = False

    def trained() -> SpikingNetwork:
        return replace(net, graph=untwinned(net.graph, trained_graph(twin.graph, model)))

    return Trainee(model=model, trained=trained, callbacks=[FollowChip(lambda: twin_of(trained()))])


METHODS: Mapping[str, Recipe] = {
    # without time: each activation quantised as the neurons will, Bu et al. 2022, "Optimal ANN-SNN Conversion …"
    "qcfs": partial(_as_it_is, quantised=True),
    # spikes forward, the gradient of the mean rates backward
    "rate": partial(_as_it_is, gradient="rate"),
    # spikes forward, a surrogate back through time
    "surrogate": partial(_as_it_is, gradient="triangular", slope=1.0),
    # the chip's neurons and its 8-bit weights forward, the gradient of the mean rates and straight through backward
    "loihi": _as_on_loihi,
}
"""Name → recipe."""
