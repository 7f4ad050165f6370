"""What hardware is told. There is none here: nengo-loihi's Simulator is replaced by what notes its arguments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from spikeport.backends.loihi import backend as module
from spikeport.backends.loihi.backend import LoihiBackend
from spikeport.backends.loihi.hardware import most_spikes
from spikeport.converter.ops import Dense, Neurons
from spikeport.errors import BackendError

pytestmark = [
    pytest.mark.loihi,
    pytest.mark.filterwarnings("ignore:numpy.core is deprecated:DeprecationWarning"),
]
ONE = np.ones(1, np.float32)


@pytest.fixture
def graph(build: Any) -> Any:
    relu = Neurons(threshold=ONE, scale=ONE)
    kernel = np.random.default_rng(0).normal(size=(200, 20)).astype(np.float32) / 10
    ones = Dense(kernel=np.ones((20, 2), np.float32))
    return build((200,), relu1=relu, dense=Dense(kernel=kernel), relu2=relu, out=ones)


def told(graph: Any, monkeypatch: pytest.MonkeyPatch, **options: Any) -> dict[str, Any]:
    """The arguments with which nengo-loihi's Simulator is asked for hardware."""
    from spikeport.backends.loihi.compatibility import import_nengo_loihi

    noted: dict[str, Any] = {}

    def simulator(network: Any, **arguments: Any) -> Any:
        noted.update(arguments)
        raise RuntimeError("no board")

    monkeypatch.setattr(module, "find_spec", lambda name: True)
    monkeypatch.setattr(import_nengo_loihi(), "Simulator", simulator)
    deployment = LoihiBackend().deploy(graph, target="loihi", **options)
    with pytest.raises(BackendError, match="nengo-loihi could not build it \\(no board\\)"):
        deployment.run([np.ones((1, 200), np.float32)], 8)
    return noted


def test_spikes_are_counted_on_samples(graph: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(1).random((4, 200)).astype(np.float32)
    emulated = LoihiBackend().deploy(graph, calibration=x)
    emulated.run([x], 8)
    noted = told(graph, monkeypatch, calibration=x)
    assert (noted["target"], noted["precompute"]) == ("loihi", True)
    scaled, presentation = emulated._for(8, {})
    most = most_spikes(scaled, presentation.currents({"x": x.astype(float)}), 8)
    assert noted["hardware_options"] == {"n_chips": 1, "snip_max_spikes_per_step": int(np.ceil(1.5 * most))}
    # the clock does not spike in every step, so that this is the least that is never exceeded
    assert most - 9 <= presentation.chip.traffic.most_inputs <= most


def test_without_samples_every_neuron_may_spike(graph: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    noted = told(graph, monkeypatch, precompute=False, hardware_options={"n_chips": 4})
    assert noted["precompute"] is False
    assert noted["hardware_options"]["n_chips"] == 4
    assert noted["hardware_options"]["snip_max_spikes_per_step"] >= 200
