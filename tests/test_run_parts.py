"""Runs in parts: the file of a run that was stopped and went on is that of a run that was not."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

import small_files
import spikeport
from spikeport import run_parts
from spikeport.cli import main

STEPS = 5


@pytest.fixture
def files(small_h5, tmp_path) -> tuple[Path, Path]:
    """A network and its samples."""
    net = spikeport.convert(small_h5, small_files.samples(50))
    net.save(tmp_path / "net.h5")
    np.savez(tmp_path / "data.npz", x=small_files.samples(50), y=np.arange(50) % 4)
    return tmp_path / "net.h5", tmp_path / "data.npz"


@pytest.fixture
def small_parts(monkeypatch) -> None:
    """Parts of 16 samples."""
    monkeypatch.setattr(run_parts, "_MOST_SAMPLES", 16)


def run(files: tuple[Path, Path], out: Path, *more: object) -> int:
    net, data = files
    return main(["run", str(net), "--data", str(data), "--steps", str(STEPS), "-o", str(out), *map(str, more)])


def stop_after(parts: int, monkeypatch) -> None:
    """Let the run be stopped while it writes a part."""
    written, real = [], run_parts.written_at_once

    def stopping(path: Path):
        if path.suffix == ".npz":
            if len(written) == parts:
                raise KeyboardInterrupt
            written.append(path)
        return real(path)

    monkeypatch.setattr(run_parts, "written_at_once", stopping)


@pytest.mark.parametrize("name", ["out.npz", "out.h5"])
@pytest.mark.parametrize("more", [(), ("--record", "conv", "--encoder", "poisson")], ids=["plain", "random"])
def test_a_run_that_was_stopped_goes_on_to_the_same_file(files, small_parts, tmp_path, monkeypatch, capsys, name, more):
    whole, stopped = tmp_path / ("whole" + name), tmp_path / name
    assert run(files, whole, *more) == 0
    with monkeypatch.context() as patch:
        stop_after(2, patch)
        assert run(files, stopped, *more) == 130
    assert "the same command goes on" in capsys.readouterr().err
    assert not stopped.exists()
    assert run(files, stopped, *more) == 0
    assert "going on after 32 samples" in capsys.readouterr().err
    assert stopped.read_bytes() == whole.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(["net.h5", "data.npz", whole.name, name])


def test_hdf5_holds_what_the_archive_holds(files, small_parts, tmp_path, capsys):
    assert run(files, tmp_path / "a.npz", "--record", "conv") == 0
    assert run(files, tmp_path / "a.h5", "--record", "conv", "--json") == 0
    with np.load(tmp_path / "a.npz") as archive, h5py.File(tmp_path / "a.h5") as file:
        assert json.loads(file.attrs["facts"]) == json.loads(str(archive["facts"]))
        for name in set(archive.files) - {"facts"}:
            np.testing.assert_array_equal(file[name.replace(":", "/")][()], archive[name])
        assert archive["events:conv"].shape[:2] == (50, STEPS)
        assert {"output", "outputs_over_time", "spikes:conv", "events:conv"} < set(archive.files)


def test_parts_of_another_run_are_refused(files, small_parts, tmp_path, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        stop_after(1, patch)
        assert run(files, tmp_path / "out.npz") == 130
    assert run(files, tmp_path / "out.npz", "--encoder", "poisson") == 2
    assert "those of another one that was stopped" in capsys.readouterr().err


def test_a_folder_with_other_files_is_left_alone(files, tmp_path, capsys):
    (tmp_path / "out.npz.parts").mkdir()
    (tmp_path / "out.npz.parts" / "mine.txt").write_text("mine")
    assert run(files, tmp_path / "out.npz") == 2
    assert (tmp_path / "out.npz.parts" / "mine.txt").read_text() == "mine"


def test_a_run_that_fails_at_once_leaves_nothing(files, tmp_path, monkeypatch):
    stop_after(0, monkeypatch)
    assert run(files, tmp_path / "out.npz") == 130
    assert not (tmp_path / "out.npz.parts").exists()


def test_a_damaged_part_is_told(files, small_parts, tmp_path, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        stop_after(1, patch)
        run(files, tmp_path / "out.npz")
    (part,) = (tmp_path / "out.npz.parts").glob("*.npz")
    part.write_bytes(b"no archive")
    assert run(files, tmp_path / "out.npz") == 2
    assert "damaged" in capsys.readouterr().err


def test_recording_needs_a_file(files, capsys):
    net, data = files
    assert main(["run", str(net), "--data", str(data), "--record", "conv"]) == 2
    assert "-o OUT" in capsys.readouterr().err


def test_a_profile_is_printed(files, capsys):
    net, data = files
    assert main(["run", str(net), "--data", str(data), "--profile", "--jobs", "1"]) == 0
    assert "cost of each layer" in capsys.readouterr().out
    assert main(["run", str(net), "--data", str(data), "--profile", "--json"]) == 0
    profile = json.loads(capsys.readouterr().out)["profile"]
    assert {"name", "way", "seconds", "density"} < set(profile[0])


@pytest.mark.parametrize("option", [("--jobs", "0"), ("--memory", "0"), ("--profile", "--backend", "nengo")], ids=str)
def test_options_of_the_cpu_backend_are_checked(files, option):
    net, data = files
    assert main(["run", str(net), "--data", str(data), *option]) == 2


def test_a_fingerprint_tells_arrays_apart():
    x = np.arange(6.0)
    keys = {run_parts.fingerprint(a, 1) for a in (x, x.reshape(2, 3), x.astype(np.float32), x + 1)}
    assert len(keys) == 4
