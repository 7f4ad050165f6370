"""Speech as spikes: the bands of a filter bank, each with a neuron that integrates its loudness."""

from __future__ import annotations

from functools import cache

import numpy as np

from ...converter.ops import Array
from ...errors import DataError

__all__ = ["speech_to_spikes"]

_WINDOW, _HOP = 0.025, 0.004  # seconds
_FLOOR = 60.0  # dB below the loudest band, from which on a sound counts


def speech_to_spikes(
    wave: Array, sample_rate: int, *, channels: int = 128, rate: float = 100.0, lowest: float = 80.0
) -> tuple[Array, Array]:
    """Return when each channel fires, in the form of the Spiking Heidelberg Digits.

    Bands of equal width on the mel scale take the place of the cochlea. The loudness of a band, in dB above a floor and
    scaled to the loudest band of the recording, is the current of an integrate-and-fire neuron, so that louder sounds
    fire more and begin earlier; there are no random numbers.

    Parameters
    ----------
    wave
        ``(samples,)`` of sound.
    sample_rate
        Of the sound, in Hz.
    channels
        How many bands there are, from ``lowest`` Hz to half the sample rate.
    rate
        Spikes a second at full loudness.

    Returns
    -------
    times, units
        Seconds and channel of each spike, in the order of time.

    Raises
    ------
    DataError
        For sound that is too short, or no numbers.
    """
    wave = np.asarray(wave, np.float64)
    size = int(_WINDOW * sample_rate)
    if wave.ndim != 1 or len(wave) < size or not np.isfinite(wave).all():
        raise DataError(f"expected at least {_WINDOW} s of sound with one channel, received shape {wave.shape}")
    hop = max(int(_HOP * sample_rate), 1)
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(wave, size // 2), size)[::hop]
    power = np.abs(np.fft.rfft(frames * np.hanning(size), _points(size))) ** 2
    energy = power @ _mel_bands(channels, _points(size), sample_rate, lowest)
    loudness = 10 * np.log10(np.maximum(energy, 1e-12) / max(energy.max(), 1e-12))
    current = np.clip(1 + loudness / _FLOOR, 0, 1) ** 2
    level = 0.5 + np.cumsum(current * rate * hop / sample_rate, axis=0)
    fired = np.diff(np.floor(level), axis=0, prepend=0.0)
    steps, units = np.nonzero(fired > 0)
    return (steps * hop / sample_rate).astype(np.float32), units.astype(np.int64)


def _points(size: int) -> int:
    return int(4 * 2 ** np.ceil(np.log2(size)))


@cache
def _mel_bands(channels: int, points: int, sample_rate: int, lowest: float) -> Array:
    """Return triangular bands of equal width on the mel scale: ``(frequencies, channels)``.

    mel(f) = 2595·log10(1 + f/700): O'Shaughnessy 1987, "Speech Communication".
    """

    def mel(f: Array | float) -> Array:
        return np.asarray(2595 * np.log10(1 + np.asarray(f) / 700))

    edges = np.linspace(mel(lowest), mel(sample_rate / 2), channels + 2)
    at = mel(np.fft.rfftfreq(points, 1 / sample_rate))[:, None]
    rising, falling = (at - edges[:-2]) / (edges[1:-1] - edges[:-2]), (edges[2:] - at) / (edges[2:] - edges[1:-1])
    return np.asarray(np.maximum(0, np.minimum(rising, falling)))
