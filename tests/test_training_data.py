"""Data for training: idx files, spikes in the layout of the Heidelberg data sets, and speech as spikes."""

from __future__ import annotations

import gzip

import h5py
import keras
import numpy as np
import pytest

from spikeport import training
from spikeport.errors import DataError, UsageError
from spikeport.training.data import HeidelbergSpikes, read_idx, speech_to_spikes, write_heidelberg


def idx(values: np.ndarray, code: int) -> bytes:
    shape = np.array(values.shape, ">u4").tobytes()
    return bytes([0, 0, code, values.ndim]) + shape + values.astype({8: ">u1", 11: ">i2"}[code]).tobytes()


@pytest.mark.parametrize("code", [8, 11])
@pytest.mark.parametrize("packed", [True, False])
def test_idx_files_are_read(code, packed, tmp_path):
    values = np.arange(24).reshape(2, 3, 4)
    path = tmp_path / ("x.gz" if packed else "x")
    path.write_bytes(gzip.compress(idx(values, code)) if packed else idx(values, code))
    assert np.array_equal(read_idx(path), values)
    assert read_idx(path).dtype.isnative


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "begins with nothing"),
        (b"\x89PNG....", "begins with 89"),
        (idx(np.arange(6), 8)[:-1], "expected 6 bytes of values"),
        (idx(np.arange(6), 8) + b"1", "received 7"),
        (b"\0\0\x08\x02" + b"\xff" * 8, "claims"),
    ],
)
def test_other_files_are_refused(content, message, tmp_path):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_idx(tmp_path / "x")
    with pytest.raises(DataError, match="no file of this name"):
        read_idx(tmp_path / "nothing")
    (tmp_path / "x.gz").write_bytes(gzip.compress(b"\0" * 100)[:-9] + b"damage...")
    with pytest.raises(DataError):
        read_idx(tmp_path / "x.gz")


def write_as_published(path, times, units, labels) -> None:
    """With h5py's own calls, in the layout that the data sets' page describes."""
    with h5py.File(path, "w") as file:
        spikes = file.create_group("spikes")
        t = spikes.create_dataset("times", (len(times),), h5py.special_dtype(vlen=np.dtype("float16")))
        u = spikes.create_dataset("units", (len(units),), h5py.special_dtype(vlen=np.dtype("uint16")))
        for i, (a, b) in enumerate(zip(times, units, strict=True)):
            t[i], u[i] = np.asarray(a, np.float16), np.asarray(b, np.uint16)
        file.create_dataset("labels", data=np.asarray(labels, np.uint16))
        extra = file.create_group("extra")
        extra.create_dataset("speaker", data=np.zeros(len(labels), np.uint16))
        extra.create_dataset("keys", data=np.array([b"zero", b"one"]))


TIMES = [[0.0, 0.25, 0.26, 0.99, 1.5], [], [0.5]]
UNITS = [[0, 699, 699, 350, 3], [], [10]]
LABELS = [1, 0, 19]


@pytest.mark.parametrize("write", [write_as_published, write_heidelberg])
def test_recordings_are_binned(write, tmp_path):
    write(tmp_path / "shd.h5", TIMES, UNITS, LABELS)
    spikes = HeidelbergSpikes(tmp_path / "shd.h5", n_steps=4, duration=1.0, channels=7, batch_size=2, clip=None)
    assert (len(spikes), spikes.classes) == (2, 20)
    counts, labels = spikes[0]
    assert np.array_equal(labels, [1, 0])
    assert counts.shape == (2, 4, 7)
    expected = np.zeros((4, 7))
    expected[0, 0] = expected[3, 3] = 1
    expected[1, 6] = 2  # both of channel 699; the one at 1.5 s is left out
    assert np.array_equal(counts[0], expected)
    assert not counts[1].any()
    clipped = HeidelbergSpikes(tmp_path / "shd.h5", n_steps=4, channels=7, batch_size=2, drop_last=True)
    assert len(clipped) == 1
    assert clipped[0][0].max() == 1


def test_the_order_is_drawn_by_a_seed(tmp_path):
    rng = np.random.default_rng(0)
    write_heidelberg(tmp_path / "x.h5", [rng.random(9)] * 40, [rng.integers(0, 700, 9)] * 40, range(40))

    def orders(seed):
        spikes = HeidelbergSpikes(tmp_path / "x.h5", batch_size=10, seed=seed)
        first = [spikes[i][1].tolist() for i in range(4)]
        spikes.on_epoch_end()
        return first, [spikes[i][1].tolist() for i in range(4)]

    assert orders(1) == orders(1) != orders(2)
    first, second = orders(1)
    assert first != second
    assert sorted(label for batch in first for label in batch) == list(range(40))


def test_a_model_is_fitted_to_a_file(tmp_path):
    rng = np.random.default_rng(0)
    units = [rng.integers(0, 350, 60) + 350 * (i % 2) for i in range(32)]
    write_heidelberg(tmp_path / "x.h5", [rng.random(60) for _ in units], units, np.arange(32) % 2, range(32))
    spikes = HeidelbergSpikes(tmp_path / "x.h5", n_steps=10, channels=6, batch_size=8, seed=0)
    keras.utils.set_random_seed(0)
    inputs = keras.Input((10, 6))
    hidden = training.RecurrentLIF(0.8, surrogate="arctan", slope=2.0)(keras.layers.Dense(8)(inputs))
    outputs = training.LeakyIntegrator(0.8)(keras.layers.Dense(2)(hidden))
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.Lion(0.01), training.IntegralCrossEntropy(), metrics=[training.IntegralAccuracy()])
    history = model.fit(spikes, epochs=15, verbose=0).history
    assert history["integral_accuracy"][-1] > 0.9


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: f.pop("labels"), "missing labels"),
        (lambda f: (f.pop("labels"), f.create_dataset("labels", data=[1])), "received lengths"),
        (lambda f: f["spikes/units"].__setitem__(0, np.array([900] * 5, np.uint16)), "units from 0 to 699"),
        (lambda f: f["spikes/units"].__setitem__(0, np.array([9], np.uint16)), "a unit and a time"),
    ],
)
def test_other_layouts_are_refused(spoil, message, tmp_path):
    write_heidelberg(tmp_path / "x.h5", TIMES, UNITS, LABELS)
    with h5py.File(tmp_path / "x.h5", "a") as file:
        spoil(file)
    with pytest.raises(DataError, match=message):
        HeidelbergSpikes(tmp_path / "x.h5")[0]


def test_what_is_no_file_is_refused(tmp_path):
    with pytest.raises(DataError, match="no file"):
        HeidelbergSpikes(tmp_path / "x.h5")
    (tmp_path / "x.h5").write_text("spikes")
    with pytest.raises(DataError, match="received another"):
        HeidelbergSpikes(tmp_path / "x.h5")
    with pytest.raises(UsageError, match="above 0"):
        HeidelbergSpikes(tmp_path / "x.h5", duration=0)


def test_a_tone_fires_the_channels_of_its_pitch():
    t = np.arange(8000) / 8000
    quiet = np.zeros(4000)
    for low, high in ((200, 400), (1500, 2500)):
        found = [
            speech_to_spikes(np.concatenate([quiet, np.sin(2 * np.pi * f * t)]), 8000, channels=64) for f in (low, high)
        ]
        middles = [np.median(units) for _, units in found]
        assert middles[0] < middles[1]
        for times, units in found:
            assert times.min() > 0.45
            assert len(times) == len(units)
            assert np.all(np.diff(times) >= 0)
            assert 0 <= units.min() <= units.max() < 64
    with pytest.raises(DataError, match=r"at least 0\.025 s"):
        speech_to_spikes(np.zeros(10), 8000)
