"""CellLayer: a cell of the graph, as it was trained, as a Keras layer with the spikes of `Cell.step` and a gradient."""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
from keras import ops

from ...converter.ops import Cell, Op
from ...training.dynamics import Rule, advance, tie_of
from ...training.layers.time_axis import Step, over_time
from ...training.surrogates import Surrogate, events
from .op_layer import repeated
from .over_steps import OverSteps
from .population import RATE

__all__ = ["CellLayer"]

_SURROGATE, _SLOPE = "fast_sigmoid", 25.0  # what the layers of `spikeport.training` have unless told otherwise


@keras.saving.register_keras_serializable(package="spikeport")
class CellLayer(OverSteps):
    """A cell: inputs ``(batch, steps, *shape)``, or constant ones, become what it puts out at each step.

    Of its parameters the recurrent weights are trained.

    Parameters
    ----------
    n_steps, gradient, slope
        As for `Population`; with "rate", which a cell does not have, the surrogate is that of the training layers.
    """

    def __init__(
        self,
        node: str,
        op: Op | dict[str, Any],
        moving: list[bool],
        *,
        n_steps: int,
        gradient: str | Surrogate = RATE,
        slope: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(node, op, moving, **kwargs)
        self.n_steps = n_steps
        self.gradient = gradient
        self.slope = slope

    def trains(self, name: str) -> bool:
        """Say whether an array is trained."""
        return name == "recurrent"

    @property
    def cell(self) -> Cell:
        """Return the op."""
        if not isinstance(self.op, Cell):
            raise TypeError(f"{self.node}: expected a cell, received {self.op.kind}")
        return self.op

    def rule(self) -> Rule:
        """Return the rule of a step."""
        op = self.cell
        known = self.gradient != RATE
        fire = partial(
            events,
            n_min=0,
            n_max=1,
            tie=tie_of(self.compute_dtype),
            surrogate=self.gradient if known else _SURROGATE,
            slope=self.slope if known else _SLOPE,
        )
        adapts = op.adapting is not None
        return Rule(
            fire=fire,
            decay=self.tensor(op.decay),
            v_min=op.v_min,
            to_zero=op.reset == "zero",
            refractory=op.refractory,
            adapting=self.tensor(op.adapting) if adapts else 1.0,
            gain=op.adaptation_gain if adapts else None,
            loss=op.adaptation_loss,
        )

    def call(self, inputs: Any) -> Any:
        """Return the spikes, or the voltage where nothing fires, at each step."""
        op, rule = self.cell, self.rule()
        moving = inputs if self.moving[0] else repeated(inputs, self.n_steps)
        zeros = ops.zeros_like(moving[:, 0])
        state = [zeros + self.tensor(op.initial_voltage)]
        state += [zeros] * (rule.state_size - 1 if op.fires else 0)
        state += [zeros + self.tensor(op.initial_current)] if op.synapse_decay is not None else []
        state += [zeros] if op.recurrent is not None else []
        return over_time(self._step(rule), moving, tuple(state))[0]

    def _step(self, rule: Rule) -> Step:
        """Return the step; the state is that of the rule, then the synapse's current, then what was sent."""
        op = self.cell
        gain = self.tensor(op.gain) if op.threshold is None else self.tensor(op.gain) / self.tensor(op.threshold)
        share = self.tensor(op.current_share)
        alpha, kernel = self.tensor(op.synapse_decay), self.tensor(op.recurrent)

        def step(x: Any, state: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
            own = list(state)
            if kernel is not None:
                x = x + ops.matmul(own.pop(), kernel)
            current = x * gain
            after = []
            if alpha is not None:
                current = own.pop() * alpha + current
                after.append(current)
            if op.fires:
                output, following = advance(rule, tuple(own), current)
            else:
                voltage = own[0] * rule.decay + current
                if op.v_min is not None:
                    voltage = ops.maximum(voltage, op.v_min)
                output, following = voltage if share is None else voltage + share * current, (voltage,)
            sent = [output] if kernel is not None else []
            return output, (*following, *after, *sent)

        return step
