"""AdaptiveLIF: LIF that adapts to its own spikes, as nengo.AdaptiveLIF."""

from __future__ import annotations

from typing import Any

import keras

from ...errors import UsageError
from ..dynamics import Rule
from .lif import LIF

__all__ = ["AdaptiveLIF"]


@keras.saving.register_keras_serializable(package="spikeport")
class AdaptiveLIF(LIF):
    """LIF from whose current J an adaptation a is subtracted: ``a ← a + s·inc_n/τ_n − a·dt/τ_n``.

    Parameters
    ----------
    tau_n
        Seconds: the time constant with which the adaptation decays.
    inc_n
        What a spike adds to it, times tau_n.
    """

    def __init__(self, *, tau_n: float = 1.0, inc_n: float = 0.01, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if tau_n <= 0 or inc_n < 0:
            raise UsageError(f"{self.name}: expected tau_n above 0 and inc_n from 0 on, received {tau_n} and {inc_n}")
        self.tau_n = tau_n
        self.inc_n = inc_n

    def rule(self) -> Rule:
        """Return the rule of a step."""
        decay = self.decay()
        return self.base_rule(
            decay=decay,
            v_min=0.0,
            refractory=round(self.tau_ref / self.dt),
            adapting=1.0 - decay,
            gain=self.inc_n / self.tau_n,
            loss=min(self.dt / self.tau_n, 1.0),
        )

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the layer."""
        return {**super().get_config(), "tau_n": self.tau_n, "inc_n": self.inc_n}
