"""The estimate is counts times constants: worked out here by hand, for two cores."""

from __future__ import annotations

import numpy as np
import pytest

from spikeport.backends.loihi.emulation import Traffic
from spikeport.backends.loihi.energy import CONSTANTS, DEVICES, estimate


def test_it_is_counts_times_constants() -> None:
    traffic = Traffic(
        spikes=np.array([40, 20]),
        operations=np.array([3000, 1000]),
        overflows=np.zeros(2, int),
        neurons=np.array([100, 50]),
        samples=2,
        steps=20,
        messages=80,
    )
    found = estimate(traffic, 150, macs=7000, values=200)
    assert (found.samples, found.steps, found.operations, found.messages) == (2, 10, 2000, 40)
    assert found.updates == 150 * 10
    low = (2000 * 23.6e-12, 1500 * 52e-12, 40 * 1.7e-12, 0)
    high_seconds = 10 * (3000 / 20 * 3.5e-9 + 100 * 8.4e-9 + 465e-9)  # the first core is the busiest
    high = (2000 * 23.6e-12, 1500 * 81e-12, 40 * 33.7e-12, 0.104 * high_seconds)
    names = ("synaptic operations", "neuron updates", "spike messages", "static")
    for name, *bounds in zip(names, low, high, strict=True):
        assert found.joules[name] == pytest.approx(bounds)
    assert found.joules["total"] == pytest.approx((sum(low), sum(high)))
    assert found.seconds == pytest.approx((10 * (3000 / 20 * 3.5e-9 + 100 * 5.3e-9 + 113e-9), high_seconds))
    assert found.mac_joules == pytest.approx(7000 * 4.6e-12)
    assert found.devices["cpu"] == pytest.approx(8.6e-9 * (7000 + 200))
    assert found.devices["loihi"] == pytest.approx(27.1e-12 * 2000 + 81e-12 * 1500)
    assert "estimated, not measured" in str(found)


def test_every_constant_has_its_source() -> None:
    assert all(c.source and c.grade and 0 <= c.low <= c.high for c in CONSTANTS)
    assert {d.name for d in DEVICES} == {"cpu", "gpu", "arm", "loihi", "spinnaker", "spinnaker2"}
