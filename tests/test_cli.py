"""Every command of the command line: what it prints, what it writes, and how it refuses."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import pytest

import small_files
import spikeport
from small_files import layer, sequential
from spikeport import cli
from spikeport.cli import main
from spikeport.converter.spiking import PRESETS

COMMANDS = (
    "demo",
    "check",
    "convert",
    "run",
    "evaluate",
    "finetune",
    "tune",
    "report",
    "layers",
    "backends",
    "neurons",
    "encoders",
    "codes",
)


@pytest.fixture
def call(capsys, monkeypatch):
    """Run a command as on a wide terminal; return its exit code, its output and its errors."""
    monkeypatch.setenv("COLUMNS", "160")
    capsys.readouterr()

    def run(*arguments: Any) -> tuple[int, str, str]:
        try:
            code = main([str(a) for a in arguments])
        except SystemExit as stop:  # argparse
            code = int(stop.code or 0)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


@pytest.fixture(scope="module")
def odd_model(tmp_path_factory) -> Path:
    """A model with layers that cannot be converted, whose names look like markup and like a terminal's codes."""
    config = sequential(
        layer("InputLayer", "in[/]", batch_shape=[None, 4]),
        layer("Dense", "[bold]dense\x1b[31m", units=2, activation="relu"),
        layer("Mystery", "my\nstery\\"),
        name="odd [/red]",
    )
    weights = {"[bold]dense\x1b[31m": {"kernel": np.ones((4, 2)), "bias": np.zeros(2)}}
    return small_files.write_h5(tmp_path_factory.mktemp("odd") / "odd.h5", config, weights)


# check


def test_check_says_what_becomes_of_each_layer(call, small_h5):
    code, out, err = call("check", small_h5)
    assert (code, err) == (0, "")
    for word in ("image", "InputLayer", "conv", "Conv2D", "max-pool-before-neurons", "flat", "read-out"):
        assert word in out


def test_check_as_json_has_the_documented_keys(call, small_keras):
    code, out, err = call("check", small_keras, "--json")
    report = json.loads(out)
    assert (code, err) == (0, "")
    assert report["convertible"] is True
    assert [entry["name"] for entry in report["layers"]] == ["image", "conv", "pool", "flat", "scores"]
    for entry in report["layers"]:
        assert {"name", "type", "code", "severity", "reason", "remedy"} <= set(entry)
        assert entry["code"] in spikeport.REASONS


def test_check_of_a_model_that_cannot_be_converted_exits_with_1(call, odd_model):
    code, out, err = call("check", odd_model)
    assert (code, err) == (1, "")
    assert "unknown-layer" in out
    code, out, err = call("check", odd_model, "--json")
    assert (code, err) == (1, "")
    assert json.loads(out)["convertible"] is False


def test_names_in_a_file_are_printed_as_they_are_without_control_characters(call, odd_model):
    _, out, _ = call("check", odd_model)
    assert "\x1b" not in out
    for name in ("odd [/red]", "in[/]", "[bold]dense", "my stery\\"):
        assert name in out


@pytest.mark.parametrize("backend", ["cpu", "nengo"])
def test_check_for_a_backend_says_where_each_layer_runs(call, small_h5, backend):
    code, out, _ = call("check", small_h5, "--backend", backend, "--json")
    report = json.loads(out)
    assert (code, report["backend"]) == (0, backend)
    assert ["conv", "runs-as-neurons"] in [[entry["name"], entry["code"]] for entry in report["placement"]]


def test_check_takes_the_shape_that_a_file_lacks(call, tmp_path):
    config = small_files.small_config()
    del config["config"]["layers"][0]
    path = small_files.write_h5(tmp_path / "m.h5", config)
    code, _, err = call("check", path)
    assert code == 2
    assert "--input-shape 28,28,1" in err
    code, out, _ = call("check", path, "--input-shape", "6,6,1", "--json")
    assert code == 0
    assert "input-shape-given" in [note["code"] for note in json.loads(out)["notes"]]


# convert


def test_convert_writes_a_network_and_shows_the_report(call, small_h5, small_data, tmp_path):
    net = tmp_path / "net.h5"
    code, out, err = call("convert", small_h5, "--calibrate", small_data, "--steps", 7, "-o", net)
    assert (code, err) == (0, "")
    assert "What became of small" in out
    assert f"saved {net}" in out.replace("\n", "")
    loaded = spikeport.load(net)
    assert loaded.target_steps == 7
    assert loaded.provenance["calibration_samples"] == 24
    assert [p.name for p in tmp_path.iterdir()] == ["net.h5"]


def test_convert_without_samples_says_that_it_is_approximate(call, small_keras, tmp_path):
    code, out, _ = call("convert", small_keras, "-o", tmp_path / "net.h5", "--input-range", "0,2")
    assert code == 0
    assert "no-calibration-data" in out
    assert "approximate" in out
    assert "--calibrate" in out


@pytest.mark.parametrize("neurons", PRESETS)
def test_convert_takes_the_neurons_asked_for(call, small_h5, small_data, tmp_path, neurons):
    net = tmp_path / "net.h5"
    code, _, _ = call("convert", small_h5, "--calibrate", small_data, "--neurons", neurons, "-o", net)
    assert code == 0
    assert spikeport.load(net).provenance["neurons"] == neurons


def test_a_seed_chooses_what_random_neurons_draw(call, small_h5, small_data, tmp_path):
    net = tmp_path / "net.h5"
    call("convert", small_h5, "--calibrate", small_data, "--neurons", "poisson", "-o", net)
    outputs = []
    for place, seed in enumerate(((), ("--seed", 0), ("--seed", 1))):
        out = tmp_path / f"out{place}.npz"
        code, _, _ = call("run", net, "--data", small_data, "--steps", 5, "-o", out, *seed)
        assert code == 0
        with np.load(out) as file:
            outputs.append(np.concatenate([file[name].reshape(-1) for name in sorted(file)]))
    first, same, other = outputs
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)


def test_convert_writes_the_report_to_a_file_too(call, small_h5, small_data, tmp_path):
    for suffix in ("json", "txt"):
        report = tmp_path / f"report.{suffix}"
        code, _, _ = call("convert", small_h5, "--calibrate", small_data, "-o", tmp_path / "net.h5", "--report", report)
        assert code == 0
    net = spikeport.load(tmp_path / "net.h5")
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8")) == net.report.to_json()
    assert (tmp_path / "report.txt").read_text(encoding="utf-8").strip() == str(net.report).strip()


# run


def test_run_writes_outputs_counts_and_facts(call, small_network, small_data, tmp_path):
    out_file = tmp_path / "out.npz"
    code, out, err = call("run", small_network, "--data", small_data, "--steps", 5, "-o", out_file, "--json")
    assert (code, err) == (0, "")
    facts = json.loads(out)
    assert (facts["backend"], facts["samples"], facts["steps"]) == ("cpu", 24, 5)
    expected = spikeport.load(small_network).run(small_files.samples(24), n_steps=5)
    assert facts["classes"] == [int(c) for c in expected.output.argmax(axis=1)[:20]]
    assert facts["right"] == int((expected.output.argmax(axis=1) == np.arange(24) % 4).sum())
    with np.load(out_file, allow_pickle=False) as file:
        assert set(file.files) == {"output", "outputs_over_time", "spikes:conv", "synaptic_operations", "facts"}
        np.testing.assert_array_equal(file["output"], expected.output)
        np.testing.assert_array_equal(file["outputs_over_time"], expected.outputs_over_time["scores"])
        np.testing.assert_array_equal(file["spikes:conv"], expected.spike_counts["conv"])
        np.testing.assert_array_equal(file["synaptic_operations"], expected.synaptic_operations)
        assert json.loads(str(file["facts"])) == facts


def test_run_as_text_names_the_classes_and_the_spikes(call, small_network, small_data, tmp_path):
    code, out, err = call("run", small_network, "--data", small_data)
    assert (code, err) == (0, "")
    assert re.search(r"^24 samples, 16 steps on cpu$", out, re.MULTILINE)
    assert re.search(r"^right: \d+ of 24$", out, re.MULTILINE)
    assert re.search(r"^spikes per sample, conv: \d+$", out, re.MULTILINE)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("backend", ["cpu", "nengo"])
def test_run_uses_the_first_samples_on_the_backend_asked_for(call, small_network, small_data, backend):
    code, out, _ = call(
        "run", small_network, "--data", small_data, "--samples", 3, "--steps", 4, "--backend", backend, "--json"
    )
    assert code == 0
    facts = json.loads(out)
    assert (facts["samples"], facts["backend"], len(facts["classes"])) == (3, backend, 3)


def test_run_needs_no_labels(call, small_network, tmp_path):
    np.savez(tmp_path / "x.npz", images=small_files.samples(3))
    code, out, _ = call("run", small_network, "--data", tmp_path / "x.npz", "--json")
    assert code == 0
    assert "right" not in json.loads(out)


def test_a_network_with_odd_names_runs_and_is_shown(call, odd_model, tmp_path):
    with h5py.File(odd_model, "r") as file:
        config = json.loads(file.attrs["model_config"])
    del config["config"]["layers"][2]
    config["config"]["layers"].append(layer("Dense", "end [/]", units=1))
    weights = {
        "[bold]dense\x1b[31m": {"kernel": np.ones((4, 2)), "bias": np.zeros(2)},
        "end [/]": {"kernel": np.ones((2, 1)), "bias": np.zeros(1)},
    }
    path = small_files.write_h5(tmp_path / "m.h5", config, weights)
    np.savez(tmp_path / "x.npz", x=np.ones((2, 4)), y=np.zeros(2))
    for arguments in (
        ("convert", path, "-o", tmp_path / "net.h5"),
        ("run", tmp_path / "net.h5", "--data", tmp_path / "x.npz", "-o", tmp_path / "out.npz"),
        ("evaluate", tmp_path / "net.h5", "--data", tmp_path / "x.npz"),
        ("report", tmp_path / "net.h5", "--backend", "nengo"),
    ):
        code, out, err = call(*arguments)
        assert (code, err) == (0, "")
        assert "\x1b" not in out


# evaluate


def test_evaluate_as_json_has_the_documented_keys(call, small_network, small_data):
    code, out, err = call("evaluate", small_network, "--data", small_data, "--steps", 6, "--json")
    score = json.loads(out)
    assert (code, err) == (0, "")
    documented = {"samples", "steps", "accuracy", "keras_accuracy", "spikes_per_sample"}
    documented |= {"synaptic_operations_per_sample", "seconds"}
    more = {"backend", "mean_squared_error", "keras_mean_squared_error", "input_events_per_sample"}
    more |= {"extra_steps", "mean_steps", "exit_steps"}
    assert set(score) == documented | more
    assert (score["samples"], score["steps"], len(score["accuracy"])) == (24, 6, 6)
    assert all(0 <= value <= 1 for value in (*score["accuracy"], score["keras_accuracy"]))


def test_evaluate_as_text_shows_accuracy_beside_keras(call, small_network, small_data):
    code, out, err = call("evaluate", small_network, "--data", small_data, "--steps", 6)
    assert (code, err) == (0, "")
    assert re.search(r"^24 samples on cpu, [\d.]+ s$", out, re.MULTILINE)
    assert re.findall(r"^step +(\d+) +[\d.]+ %", out, re.MULTILINE) == ["1", "2", "4", "6"]
    assert re.search(r"^Keras +[\d.]+ %", out, re.MULTILINE)


def test_evaluate_takes_the_first_samples_and_their_labels(call, small_network, small_data):
    code, out, _ = call("evaluate", small_network, "--data", small_data, "--samples", 5, "--json")
    assert code == 0
    assert json.loads(out)["samples"] == 5


def test_evaluate_of_a_regression_shows_the_error(call, small_network, tmp_path):
    np.savez(tmp_path / "d.npz", x=small_files.samples(4), y=np.full((4, 4), 0.25))
    code, out, _ = call("evaluate", small_network, "--data", tmp_path / "d.npz", "--steps", 2)
    assert code == 0
    assert "%" not in out
    code, out, _ = call("evaluate", small_network, "--data", tmp_path / "d.npz", "--steps", 2, "--json")
    score = json.loads(out)
    assert (score["accuracy"], score["keras_accuracy"], len(score["mean_squared_error"])) == ([], None, 2)


# report and listings


def test_report_shows_what_convert_showed(call, small_h5, small_data, tmp_path):
    net = tmp_path / "net.h5"
    _, shown, _ = call("convert", small_h5, "--calibrate", small_data, "-o", net)
    code, again, err = call("report", net)
    assert (code, err) == (0, "")
    assert shown.startswith(again)


def test_report_as_json_holds_the_provenance(call, small_network, small_h5):
    code, out, _ = call("report", small_network, "--json")
    values = json.loads(out)
    assert code == 0
    assert values["provenance"]["origin"] == str(small_h5)
    assert values["target_steps"] == 16
    assert values["convertible"] is True


def test_report_for_a_backend_says_where_each_layer_runs(call, small_network):
    code, out, _ = call("report", small_network, "--backend", "nengo")
    assert code == 0
    assert "runs-as-neurons" in out


LISTED = {
    "layers": [entry.layer_type for entry in spikeport.LAYERS],
    "backends": list(spikeport.BACKENDS),
    "neurons": list(PRESETS),
    "encoders": list(spikeport.ENCODERS),
    "codes": list(spikeport.REASONS),
}


@pytest.mark.parametrize("command", LISTED)
@pytest.mark.parametrize("form", [(), ("--markdown",)], ids=["table", "markdown"])
def test_a_listing_holds_all_that_its_registry_holds(call, command, form):
    code, out, err = call(command, *form)
    assert (code, err) == (0, "")
    for name in LISTED[command]:
        assert name in out
    if form:
        lines = out.strip().split("\n")
        assert lines[1].replace("|", "").replace(" ", "").replace("-", "") == ""
        assert len(lines) == 2 + len(LISTED[command])
        assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {lines[0].count("|")}


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_each_command_has_help(call, command):
    code, out, err = call(*filter(None, [command]), "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"usage: spikeport {command}".strip())
    if not command:
        for name in COMMANDS:
            assert re.search(rf"^ +{name} +\w", out, re.MULTILINE)


# Wrong use: one sentence on the error stream, nothing else, nothing written


class Wrong(NamedTuple):
    name: str
    arguments: str  # MODEL, NET, DATA and so on stand for files
    code: int
    words: str


WRONG = [
    Wrong("check-missing", "check none.h5", 2, "found no file of this name"),
    Wrong("check-folder", "check FOLDER", 2, "received a folder"),
    Wrong("check-other-file", "check DATA", 2, "data.npz: expected"),
    Wrong("check-network", "check NET", 2, "without a model_config"),
    Wrong("check-shape", "check MODEL --input-shape 3,3,1", 2, "input_shape"),
    Wrong("convert-unsupported", "convert ODD -o n.h5", 1, "cannot be converted"),
    Wrong("convert-steps", "convert MODEL --steps 0 -o n.h5", 2, "at least 1, received 0"),
    Wrong("convert-range", "convert MODEL --input-range 1,0 -o n.h5", 2, "input_range"),
    Wrong("convert-report-suffix", "convert MODEL -o n.h5 --report r.pdf", 2, "--report: expected a"),
    Wrong("convert-report-folder", "convert MODEL -o n.h5 --report none/r.txt", 2, "expected a folder"),
    Wrong("convert-data-missing", "convert MODEL -o n.h5 --calibrate none.npz", 2, "found no file"),
    Wrong("convert-data-no-npz", "convert MODEL -o n.h5 --calibrate MODEL", 2, "expected an .npz file"),
    Wrong("convert-data-misfit", "convert MODEL -o n.h5 --calibrate OTHER", 2, "image: expected samples of shape"),
    Wrong("convert-data-one-number", "convert MODEL -o n.h5 --calibrate NUMBER", 2, "image: expected samples"),
    Wrong("convert-output-folder", "convert MODEL -o FOLDER", 2, "received a folder"),
    Wrong("convert-output-nowhere", "convert MODEL -o none/n.h5", 2, "expected a folder"),
    Wrong("convert-over-the-model", "convert COPY -o COPY", 2, "that of a file which is read"),
    Wrong("convert-over-the-data", "convert MODEL --calibrate DATA -o DATA", 2, "that of a file which is read"),
    Wrong("convert-report-over-output", "convert MODEL -o r.txt --report r.txt", 2, "received that of"),
    Wrong("run-model", "run MODEL --data DATA", 2, "convert it first"),
    Wrong("run-missing", "run none.h5 --data DATA", 2, "found no such file"),
    Wrong("run-data-misfit", "run NET --data OTHER", 2, "expected samples of shape"),
    Wrong("run-steps", "run NET --data DATA --steps 0", 2, "at least 1 step"),
    Wrong("run-samples", "run NET --data DATA --samples 0", 2, "--samples: expected at least 1"),
    Wrong("run-samples-below", "run NET --data DATA --samples=-3", 2, "--samples: expected at least 1"),
    Wrong("run-target", "run NET --data DATA --target sim", 2, "--target: expected with --backend loihi only"),
    Wrong("run-output-nowhere", "run NET --data DATA -o none/o.npz", 2, "expected a folder"),
    Wrong("run-over-the-network", "run NET --data DATA -o NET", 2, "that of a file which is read"),
    Wrong("evaluate-no-labels", "evaluate NET --data UNLABELLED", 2, "expected an array y of labels"),
    Wrong("evaluate-one-label", "evaluate NET --data ONELABEL", 2, "expected 3 labels"),
    Wrong("evaluate-one-label-of-some", "evaluate NET --data ONELABEL --samples 2", 2, "expected 2 labels"),
    Wrong("evaluate-text-labels", "evaluate NET --data TEXTLABELS", 2, "labels as numbers"),
    Wrong("evaluate-steps", "evaluate NET --data DATA --steps=-1", 2, "at least 1 step"),
    Wrong("report-model", "report MODEL", 2, "convert it first"),
    Wrong("report-missing", "report none.h5", 2, "found no such file"),
]


@pytest.fixture
def files(small_h5, small_keras, small_network, small_data, odd_model, tmp_path_factory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("files")
    x = small_files.samples(3)
    np.savez(place / "other.npz", x=np.zeros((3, 5)))
    np.savez(place / "number.npz", x=3.0)
    np.savez(place / "unlabelled.npz", x=x)
    np.savez(place / "onelabel.npz", x=x, y=1)
    np.savez(place / "textlabels.npz", x=x, y=["a", "b", "c"])
    named = {path.stem.upper(): path for path in place.iterdir()}
    (place / "folder").mkdir()
    copy = place / "copy.h5"
    copy.write_bytes(small_h5.read_bytes())
    known = {"MODEL": small_h5, "NET": small_network, "DATA": small_data, "ODD": odd_model, "COPY": copy}
    return {**named, **known, "FOLDER": place / "folder"}


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.name)
def test_wrong_use_gets_one_sentence_and_writes_nothing(wrong, call, files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = {path: path.read_bytes() for path in files.values() if path.is_file()}
    code, out, err = call(*(files.get(part, part) for part in wrong.arguments.split()))
    assert code == wrong.code
    assert out == ""
    assert re.fullmatch(r"spikeport: [^\n]+\n", err)
    assert wrong.words in err
    assert list(tmp_path.iterdir()) == []
    assert list(files["FOLDER"].iterdir()) == []
    assert {path: path.read_bytes() for path in before} == before


MISUSED = [
    "",
    "brew",
    "check",
    "convert MODEL",
    "convert MODEL -o n.h5 --steps many",
    "convert MODEL -o n.h5 --neurons purple",
    "convert MODEL -o n.h5 --input-range 1",
    "convert MODEL -o n.h5 --input-range a,b",
    "check MODEL --input-shape 28x28",
    "check MODEL --backend brain",
    "run NET",
    "run NET --data DATA --target moon",
    "layers --json",
]


@pytest.mark.parametrize("arguments", MISUSED, ids=lambda arguments: arguments or "nothing")
def test_misspelt_commands_and_options_get_the_usage_and_a_sentence(arguments, call, files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = call(*(files.get(part, part) for part in arguments.split()))
    assert (code, out) == (2, "")
    assert err.startswith("usage: spikeport")
    assert re.match(r"spikeport[\w ]*: error: .", err.strip().split("\n")[-1])
    assert list(tmp_path.iterdir()) == []


def test_running_out_of_memory_or_disk_gets_a_sentence(call, small_h5, small_data, tmp_path, monkeypatch):
    for error in (MemoryError("no room"), OSError(28, "No space left on device"), KeyboardInterrupt()):

        def fail(*arguments: Any, error: BaseException = error, **options: Any) -> None:
            raise error

        monkeypatch.setattr(h5py.Group, "create_dataset", fail)
        code, out, err = call("convert", small_h5, "--calibrate", small_data, "-o", tmp_path / "net.h5")
        assert code == (130 if isinstance(error, KeyboardInterrupt) else 2)
        assert out == ""
        assert re.fullmatch(r"spikeport: [^\n]+\n", err)
        assert list(tmp_path.iterdir()) == []


# A process of its own


def spikeport_process(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "spikeport", *arguments], stdin=subprocess.DEVNULL, capture_output=True, **options
    )


def test_python_m_spikeport_is_the_command_line(small_h5):
    done = spikeport_process("check", str(small_h5), "--json", text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["convertible"] is True
    done = spikeport_process("check", "none.h5", text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1


def test_a_terminal_without_unicode_gets_question_marks(small_network, small_data):
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    for command in ("evaluate", "report"):
        data = ["--data", str(small_data), "--steps", "2"] if command == "evaluate" else []
        done = spikeport_process(command, str(small_network), *data, env=environment)
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout.isascii()


def test_output_into_a_pipe_that_is_closed_leaves_no_traceback(small_h5):
    for command in (["codes"], ["codes", "--markdown"], ["check", str(small_h5), "--json"]):
        reading, writing = os.pipe()
        os.close(reading)
        try:
            done = subprocess.run(
                [sys.executable, "-m", "spikeport", *command],
                stdin=subprocess.DEVNULL,
                stdout=writing,
                stderr=subprocess.PIPE,
                check=False,
            )
        finally:
            with contextlib.suppress(OSError):
                os.close(writing)
        assert done.stderr == b""
        assert done.returncode != 0


def test_the_commands_of_these_tests_are_among_those_of_the_program():
    text = cli._parser().format_help()
    assert set(COMMANDS) <= set(re.search(r"\{([\w,]+)\}", text)[1].split(","))
