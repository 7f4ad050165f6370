"""Recordings of event cameras: N-MNIST's layout byte by byte, cameras' files through faery, frames batch by batch."""

from __future__ import annotations

import sys
import tracemalloc
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from spikeport import training
from spikeport.encoders import EventFrames
from spikeport.errors import DataError, UsageError
from spikeport.training.data import NMNIST_FRAMES, EventRecordings, read_events

FRAMES = EventFrames(height=34, width=34, bin=1000, steps=4, start=None)


def nmnist(events) -> bytes:
    """Bits 39–32: x, 31–24: y, 23: polarity, 22–0: microseconds, as the page of the data set has it."""
    packed = (x << 32 | y << 24 | p << 23 | t for t, x, y, p in events)
    return b"".join(value.to_bytes(5, "big") for value in packed)


def dat(events, *, width: int = 34, height: int = 34) -> bytes:
    """Prophesee's DAT, version 2: a head of text, the type and size of an event, then two words for each."""
    head = f"% Data file containing CD events.\n% Version 2\n% Height {height}\n% Width {width}\n".encode()
    words = [(t, x | y << 14 | p << 28) for t, x, y, p in events]
    return head + bytes([12, 8]) + np.array(words, "<u4").tobytes()


EVENTS = [(10, 0, 1, 1), (900, 33, 2, 0), (1010, 5, 33, 1), (1011, 5, 33, 1), (9000, 1, 1, 0)]


def as_tuples(events: np.ndarray) -> list[tuple[int, ...]]:
    return [tuple(int(event[name]) for name in "txyp") for event in events]


def test_the_events_of_nmnist(tmp_path):
    (tmp_path / "x.bin").write_bytes(nmnist(EVENTS))
    assert as_tuples(read_events(tmp_path / "x.bin")) == EVENTS
    assert as_tuples(read_events(tmp_path / "x.bin", duration=1000)) == EVENTS[:2]
    overflow = (0, 0, 240, 0)
    (tmp_path / "x.bin").write_bytes(nmnist([EVENTS[0], overflow, EVENTS[1], overflow, EVENTS[2]]))
    times = read_events(tmp_path / "x.bin")["t"]
    assert list(times) == [10, 900 + 2**13, 1010 + 2**14]
    (tmp_path / "x.bin").write_bytes(b"")
    assert len(read_events(tmp_path / "x.bin")) == 0


@pytest.mark.parametrize("suffix", [".dat", ".aedat4", ".es", ".raw"])
def test_the_events_of_cameras(suffix, tmp_path):
    faery = pytest.importorskip("faery", reason="needs faery")
    path = tmp_path / f"x{suffix}"
    if suffix == ".dat":
        path.write_bytes(dat(EVENTS))
    else:
        events = np.array([(t, x, y, p) for t, x, y, p in EVENTS], faery.EVENTS_DTYPE)
        faery.events_stream_from_array(events, (34, 34)).to_file(path)
    first = EVENTS[0][0] if suffix == ".es" else 0  # that format counts from the first event on
    assert as_tuples(read_events(path)) == [(t - first, x, y, p) for t, x, y, p in EVENTS]
    assert len(read_events(path, duration=1000)) == 2
    path.write_bytes(b"")
    with pytest.raises(DataError, match="empty file"):
        read_events(path)
    path.write_bytes(b"<html>\xff\xff" * 300)
    with pytest.raises(DataError, match="cannot be read"):
        read_events(path)


def test_other_files_are_refused(tmp_path, monkeypatch):
    (tmp_path / "x.aedat").write_bytes(b"#!AER-DAT3.1\r\n")
    with pytest.raises(DataError, match=r"expected a recording in \.bin, \.aedat4"):
        read_events(tmp_path / "x.aedat")
    with pytest.raises(DataError, match="no file of this name"):
        read_events(tmp_path / "nothing.bin")
    (tmp_path / "x.bin").write_bytes(nmnist(EVENTS)[:-1])
    with pytest.raises(DataError, match="five bytes an event, received 24 bytes"):
        read_events(tmp_path / "x.bin")
    monkeypatch.setitem(sys.modules, "faery", None)
    (tmp_path / "x.dat").write_bytes(dat(EVENTS))
    with pytest.raises(UsageError, match=r"pip install 'spikeport\[data\]'"):
        read_events(tmp_path / "x.dat")


def two_classes(count: int) -> dict[str, bytes]:
    """Digits whose events lie on the left or on the right, in the folders of N-MNIST."""
    rng = np.random.default_rng(0)
    found = {}
    for i in range(count):
        digit = (3, 10)[i % 2]
        columns = rng.integers(0, 17, 80) + 17 * (i % 2)
        rows, polarity = rng.integers(0, 34, 80), rng.integers(0, 2, 80)
        times = np.sort(rng.integers(0, 3900, 80)) + 7
        events = [tuple(map(int, event)) for event in zip(times, columns, rows, polarity)]
        found[f"Train/{digit}/{i:05}.bin"] = nmnist(events)
    return found


def written(path: Path, content: dict[str, bytes]) -> Path:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in content.items():
                archive.writestr(name, data)
        return path
    for name, data in content.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


@pytest.mark.parametrize("name", ["nmnist.zip", "nmnist"])
def test_recordings_become_batches_of_frames(name, tmp_path):
    content = two_classes(5)
    recordings = EventRecordings(written(tmp_path / name, content), "Train", frames=FRAMES, batch_size=2)
    assert len(recordings) == 3
    assert list(recordings.labels) == [0, 0, 0, 1, 1]
    assert recordings.files.classes == ["3", "10"]  # by value, not by spelling
    frames, labels = recordings[0]
    assert (frames.shape, frames.dtype) == ((2, 4, 34, 34, 2), np.float32)
    (tmp_path / "one.bin").write_bytes(content["Train/3/00000.bin"])
    assert np.array_equal(frames[:1], FRAMES([read_events(tmp_path / "one.bin")]))
    assert frames[0].sum() == 80
    assert list(labels) == [0, 0]


def test_reading_a_batch_takes_the_memory_of_a_batch(tmp_path):
    """A minute of a camera's events, of which four milliseconds are wanted."""
    pytest.importorskip("faery", reason="needs faery")
    words = np.zeros((1_000_000, 2), "<u4")
    words[:, 0], words[:, 1] = np.arange(1_000_000) * 60, np.arange(1_000_000) % 34
    (tmp_path / "still").mkdir()
    (tmp_path / "still" / "long.dat").write_bytes(dat([]) + words.tobytes())
    del words
    recordings = EventRecordings(tmp_path, frames=FRAMES)
    tracemalloc.start()
    frames, _ = recordings[0]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert frames.sum() == 67
    assert peak < 8 * 2**20


def test_a_spiking_network_is_fitted_to_recordings(tmp_path):
    path = written(tmp_path / "nmnist.zip", two_classes(32))
    recordings = EventRecordings(path, "Train", frames=FRAMES, batch_size=8, seed=0)
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4, 34, 34, 2))
    x = training.EachStep(keras.layers.AveragePooling2D(17))(inputs)
    x = training.LeakyIntegrator(0.9)(keras.layers.Dense(2)(keras.layers.Reshape((4, -1))(x)))
    model = keras.Model(inputs, x)
    model.compile(keras.optimizers.Adam(0.3), training.IntegralCrossEntropy(), metrics=[training.IntegralAccuracy()])
    assert model.fit(recordings, epochs=8, verbose=0).history["integral_accuracy"][-1] > 0.9


def test_recordings_of_a_camera_in_folders(tmp_path):
    pytest.importorskip("faery", reason="needs faery")
    path = written(tmp_path / "x", {f"{name}/a.dat": dat(EVENTS) for name in ("left", "right")})
    frames, labels = EventRecordings(path, frames=FRAMES)[0]
    assert list(labels) == [0, 1]
    assert frames[0].sum() == 4  # the last event is later than the frames go
    assert frames[0, 1, 33, 5, 1] == 2


def test_recordings_that_cannot_become_frames_are_refused(tmp_path):
    path = written(tmp_path / "x", {"Test/1/a.bin": nmnist([(5, 34, 0, 0)])})
    with pytest.raises(DataError, match=r"Test/1/a\.bin: expected x as whole numbers from 0 to 33, received 34"):
        EventRecordings(path)[0]
    with pytest.raises(UsageError, match="pass steps"):
        EventRecordings(path, frames=EventFrames(height=34, width=34, bin=1000))
    with pytest.raises(DataError, match=r"found none"):
        EventRecordings(path, "Train")
    zipped = written(tmp_path / "x.zip", {"left/a.dat": dat(EVENTS)})
    with pytest.raises(DataError, match="in a zip file: unpack it"):
        EventRecordings(zipped)[0]
    assert NMNIST_FRAMES.steps == 30
