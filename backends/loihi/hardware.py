"""What hardware is told, which the emulator has no use for. None of it was run on hardware here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...converter.ops import Array
from .gains import sent_by_host
from .scaling import Scaled, ScaledHost, ScaledPopulation

__all__ = ["hardware_options", "most_spikes"]

_MARGIN = 1.5  # samples to come may send more than those that were counted
_LEAST = 50  # nengo-loihi's own default


def hardware_options(
    scaled: Mapping[str, Scaled],
    currents: Mapping[str, Array] | None,
    n_steps: int,
    n_chips: int,
    given: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the ``hardware_options`` of ``nengo_loihi.Simulator``; those given win.

    ``snip_max_spikes_per_step`` is chosen from the spikes that the samples send: nengo-loihi drops what is beyond.

    Parameters
    ----------
    currents
        Host source → ``(samples, *shape)``, in thresholds a step; None where there are no samples: then every neuron of
        the host may spike at once.
    """
    most = most_spikes(scaled, currents, n_steps)
    spikes = most if currents is None else int(np.ceil(_MARGIN * most))
    return {"n_chips": n_chips, "snip_max_spikes_per_step": max(spikes, _LEAST), **given}


def most_spikes(scaled: Mapping[str, Scaled], currents: Mapping[str, Array] | None, n_steps: int) -> int:
    """Return how many spikes go from the host to the chip in one step at most, the clock's included.

    A spike counts once for each population that hears it.
    """
    chip = [s for s in scaled.values() if isinstance(s, ScaledPopulation)]
    clock = sum(s.n_kicks + bool(s.held_steps) for s in chip)
    each: list[Array] = []
    for name, host in scaled.items():
        if isinstance(host, ScaledHost):
            readers = sum(name in s.routes for s in chip)
            if currents is None:
                sets = 1 + host.signed
                each.append(np.array([readers * sets * int(np.prod(host.population.shape))]))
            else:
                spikes = np.abs(sent_by_host(currents[name], n_steps, host.signed))
                each.append(readers * spikes.reshape(*spikes.shape[:2], -1).sum(axis=2, dtype=np.int64))
    return clock + int(np.max(sum(each)))
