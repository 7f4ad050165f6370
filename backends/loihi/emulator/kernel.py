"""The compiled loops: a step of the chip's neurons, and what their spikes add to the next.

All arithmetic is that of nengo-loihi 1.1.0 (``emulator/interface.py``, ``builder/discretize.py``) in int32. A product
of a register and a decay takes more bits, so it is formed in two parts of 12 bits, which is the same number.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from ....converter.ops import Array
from .add_run import LANES, add_run
from .program import NeuronArrays, RowArrays

__all__ = ["CLIPS", "run_sample", "run_sample_of_floats"]

CLIPS = ("q0", "current", "u2", "voltage")
"""The registers whose overflows are counted; of the voltage, which the chip clips, how often it was at its highest."""

_I = np.int32
_LOW = np.int32(4095)
_TWELVE = np.int32(12)
_Q = np.int32(2**21)  # the first number beyond the synapses' accumulator
_U = np.int32(2**23)  # and beyond the registers of current and voltage


@numba.njit(inline="always")
def _wrapped(value: Any, bound: Any) -> Any:
    """Return what a register of this size holds of a value."""
    return _I(_I(value & _I(bound - _I(1))) - _I(value & bound))


@numba.njit(inline="always")
def _kept(value: Any, keep: Any) -> Any:
    """Return ``value · keep / 4096``, rounded toward zero."""
    size = _I(abs(value))
    high, low = _I(size >> _TWELVE), _I(size & _LOW)
    kept = _I(_I(high * keep) + _I(_I(low * keep) >> _TWELVE))
    return kept if value >= 0 else _I(-kept)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _update(neurons: NeuronArrays, q: Array, u: Array, v: Array, rest: Array, fired: Array) -> bool:
    """Advance all neurons by one step; say whether any register overflowed or any voltage was clipped from above."""
    keep_u, keep_v, bias, threshold = neurons.keep_u, neurons.keep_v, neurons.bias, neurons.threshold
    lowest, highest, pause = neurons.lowest, neurons.highest, neurons.rest
    odd = _I(0)
    for i in range(len(threshold)):
        q0 = _wrapped(q[i], _Q)
        odd |= _I(q0 ^ q[i])
        wide = _I(_kept(u[i], keep_u[i]) + q0)
        current = _wrapped(wide, _U)
        odd |= _I(wide ^ current)
        wide = _I(current + bias[i])
        u2 = _wrapped(wide, _U)
        odd |= _I(wide ^ u2)
        voltage = _I(_kept(v[i], keep_v[i]) + u2)
        odd |= _I(1) if voltage > highest[i] else _I(0)
        voltage = max(voltage, lowest[i])
        voltage = min(voltage, highest[i])
        voltage = _I(0) if rest[i] > 0 else voltage
        spike = voltage > threshold[i]
        waits = pause[i] if spike else rest[i]
        rest[i] = max(_I(waits - _I(1)), _I(0))
        v[i] = _I(0) if spike else voltage
        u[i] = current
        fired[i] = spike
    return bool(odd != 0)


@numba.njit(nogil=True, cache=True)
def _count_clips(neurons: NeuronArrays, q: Array, u: Array, v: Array, clips: Array) -> None:
    """Count, before a step, which registers will overflow in it: ``clips[register, core]``."""
    for i in range(len(neurons.threshold)):
        core = neurons.core[i]
        q0 = _wrapped(q[i], _Q)
        clips[0, core] += q0 != q[i]
        wide = _I(_kept(u[i], neurons.keep_u[i]) + q0)
        current = _wrapped(wide, _U)
        clips[1, core] += wide != current
        wide = _I(current + neurons.bias[i])
        u2 = _wrapped(wide, _U)
        clips[2, core] += wide != u2
        clips[3, core] += _I(_kept(v[i], neurons.keep_v[i]) + u2) > neurons.highest[i]


@numba.njit(nogil=True, cache=True)
def _send(rows: RowArrays, source: int, q: Array) -> None:
    """Add what one spike brings."""
    for link in range(rows.first_link[source], rows.first_link[source + 1]):
        row, target = rows.link_row[link], rows.link_target[link]
        for run in range(rows.first_run[row], rows.first_run[row + 1]):
            add_run(
                q,
                target + rows.run_start[run],
                rows.weights,
                rows.run_weight[run],
                rows.run_length[run],
                rows.run_shift[run],
            )


@numba.njit(nogil=True, cache=True)
def _listed(flags: Array, found: Array) -> int:
    """Write the numbers of the bytes that are not zero; return how many there are. The flags come in groups of 8."""
    words = flags.view(np.uint64)
    count = 0
    for w in range(len(words)):
        if words[w]:
            for i in range(8 * w, 8 * w + 8):
                if flags[i]:
                    found[count] = i
                    count += 1
    return count


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _update_floats(neurons: NeuronArrays, q: Array, v: Array, rest: Array, fired: Array) -> None:
    """Advance neurons without a synapse, without rounding; what is kept is a fraction here."""
    bias, threshold, lowest, keep_v = neurons.bias, neurons.threshold, neurons.lowest, neurons.keep_v
    pause = neurons.rest
    for i in range(len(threshold)):
        voltage = max(v[i] * keep_v[i] + (q[i] + bias[i]), lowest[i])
        voltage = np.float32(0) if rest[i] > 0 else voltage
        spike = voltage > threshold[i]
        v[i] = np.float32(0) if spike else voltage
        waits = np.float32(pause[i]) if spike else rest[i]
        rest[i] = max(waits - np.float32(1), np.float32(0))
        fired[i] = spike


@numba.njit(nogil=True, cache=True)
def _deliver(rows: RowArrays, arrived: Array, fired: Array, sent: Array, q: Array) -> None:
    """Add what the spikes of the inputs and those of the step before bring, and count them."""
    n_inputs = len(sent) - len(q) + LANES
    found = np.empty(max(len(arrived), len(fired)), np.int32)
    q[:] = 0
    for k in range(_listed(arrived, found)):
        sent[found[k]] += 1
        _send(rows, found[k], q)
    for k in range(_listed(fired, found)):
        source = n_inputs + found[k]
        sent[source] += 1
        _send(rows, source, q)


@numba.njit(nogil=True, cache=True)
def _look(fired: Array, watched: Array, seen: Array) -> None:
    place = 0
    for part in range(len(watched)):
        first, last = watched[part]
        seen[place : place + last - first] = fired[first:last]
        place += last - first


@numba.njit(nogil=True, cache=True)
def run_sample(
    neurons: NeuronArrays,
    rows: RowArrays,
    sent_in: Array,
    state: Array,
    fired: Array,
    sent: Array,
    clips: Array,
    watched: Array,
    seen: Array,
) -> None:
    """Run one sample for some steps.

    Parameters
    ----------
    sent_in
        ``(steps, inputs)`` uint8, the inputs in groups of 8: the spikes that reach the chip in each step.
    state
        ``(4, neurons + LANES)`` int32: input, current, voltage, and for how many steps each rests. Kept.
    fired
        ``(neurons,)`` uint8, in groups of 8: the spikes of the step before; afterwards those of the last step.
    sent
        ``(inputs + neurons,)`` int32: added to, the spikes of each source that were delivered.
    clips
        ``(4, cores)`` int64: added to, see `CLIPS`.
    watched
        ``(parts, 2)``: the first neuron and the one behind the last of each part whose spikes are wanted.
    seen
        ``(steps, watched neurons)`` uint8: written, their spikes.
    """
    q, u, v, rest = state[0], state[1], state[2], state[3]
    n = len(neurons.threshold)
    before = np.empty((2, n), np.int32)
    for step in range(len(sent_in)):
        _deliver(rows, sent_in[step], fired, sent, q)
        before[0, :] = u[:n]
        before[1, :] = v[:n]
        if _update(neurons, q, u, v, rest, fired):
            _count_clips(neurons, q, before[0], before[1], clips)
        _look(fired, watched, seen[step])


@numba.njit(nogil=True, cache=True)
def run_sample_of_floats(
    neurons: NeuronArrays,
    rows: RowArrays,
    sent_in: Array,
    state: Array,
    fired: Array,
    sent: Array,
    clips: Array,
    watched: Array,
    seen: Array,
) -> None:
    """Do the same without rounding: the state is float32, and nothing overflows."""
    q, v, rest = state[0], state[2], state[3]
    for step in range(len(sent_in)):
        _deliver(rows, sent_in[step], fired, sent, q)
        _update_floats(neurons, q, v, rest, fired)
        _look(fired, watched, seen[step])
