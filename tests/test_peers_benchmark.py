"""What the comparison with other programs computes by itself: no environments, no other program."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import environments
import peers
import results
import rounds
import spiking_graph
import table
import unit_thresholds
import worker
from contestant import Contestant, ContestantError
from graphs import IMAGE, OUTPUT, conv, dense, graph_of, node, random
from rounds import Measured
from spikeport import backends
from spikeport.converter.graph import Graph
from spikeport.converter.graph import Node as GraphNode
from spikeport.converter.ops import OPS, Add, AvgPool, Neurons, Reshape, ScaleShift
from spiking_graph import Node

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"


def neurons(channels: int, seed: int, **changed: Any) -> Neurons:
    threshold = np.float32(0.5) + np.abs(random(channels, seed=seed))
    settings = {"threshold": threshold, "scale": threshold, **changed}
    return Neurons(**settings)


def residual(**changed: Any) -> Graph:
    """Thresholds of each kind's own, corrections for channels and for neurons, and an addition of spikes."""
    return graph_of(
        node("x", IMAGE),
        node("a", conv(2, 4), "x"),
        node("a spikes", neurons(4, 1, correction=random(4, seed=2) / 10), "a"),
        node("b", conv(4, 4, seed=3), "a spikes"),
        node("sum", Add(), "a spikes", "b"),
        node("b spikes", neurons(4, 4, initial_voltage=random(5, 7, 4, seed=5) / 2, **changed), "sum"),
        node("grouped", replace(conv(2, 4, seed=6), groups=2), "b spikes"),
        node("c spikes", neurons(4, 7, correction=random(5, 7, 4, seed=8) / 10), "grouped"),
        node("pool", AvgPool(pool_size=(5, 7), strides=(5, 7), padding=((0, 0), (0, 0))), "c spikes"),
        node("flat", Reshape(shape=(4,)), "pool"),
        node("d", dense(4, 3), "flat"),
        node("y", OUTPUT, "d"),
    )


class Net:
    """As much of a network as `spiking_graph.nodes_of` reads."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph


def as_graph(nodes: list[Node]) -> Graph:
    """The rescaled nodes as a graph of spikeport's."""
    made = []
    for each in nodes:
        settings, kind = dict(each.settings), each.kind
        if kind == "Neurons":
            one = np.ones(1, np.float32)
            settings = {
                "threshold": one,
                "scale": one,
                "initial_voltage": settings["initial_voltage"],
                "correction": settings["current"],
            }
        if kind == "Scale":
            kind, settings = "ScaleShift", {"scale": settings["factor"], "shift": np.zeros(1, np.float32)}
        op = ScaleShift(**settings) if kind == "ScaleShift" else OPS[kind](**settings)
        made.append(GraphNode(name=each.name, op=op, inputs=each.inputs, layers=(each.name,)))
    return graph_of(*made)


def run(graph: Graph) -> Any:
    names = [n.name for n in graph.nodes.values() if isinstance(n.op, Neurons)]
    return backends.backend_named("cpu").deploy(graph).run([random(6, *IMAGE.shape, seed=9)], 12, record=names)


def test_the_network_with_unit_thresholds_sends_the_same_spikes():
    graph = residual()
    expected = run(graph)
    found = run(as_graph(unit_thresholds.with_unit_thresholds(spiking_graph.nodes_of(Net(graph)))))
    for name, events in expected.events.items():
        assert 0.02 < events.mean() < 0.98, name
        np.testing.assert_array_equal(found.events[name], events, err_msg=name)
    np.testing.assert_allclose(found.output, expected.output, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("changed", "expected"), [({"n_max": 4}, "binary neurons"), ({"reset": "zero"}, "binary neurons")], ids=str
)
def test_neurons_that_the_peers_do_not_have_are_refused(changed, expected):
    with pytest.raises(unit_thresholds.NotForPeersError, match=expected):
        unit_thresholds.with_unit_thresholds(spiking_graph.nodes_of(Net(residual(**changed))))


def test_a_layer_that_the_copy_does_not_know_is_refused():
    with pytest.raises(unit_thresholds.NotForPeersError, match=r"up: .* received Upsample"):
        unit_thresholds.with_unit_thresholds([Node("up", "Upsample", (), (3,), {})])


def test_a_written_network_is_read_as_it_was(tmp_path):
    nodes = spiking_graph.nodes_of(Net(residual()))
    spiking_graph.write(nodes, tmp_path)
    for before, after in zip(nodes, spiking_graph.read(tmp_path), strict=True):
        assert (after.name, after.kind, after.inputs, after.shape) == before[:4]
        assert after.settings.keys() == before.settings.keys()
        for key, value in before.settings.items():
            np.testing.assert_array_equal(after.settings[key], value, err_msg=f"{before.name} {key}")


@pytest.mark.parametrize(
    ("images", "batch", "most", "expected"),
    [
        (50, None, 1000, 50),
        (0, None, 10, 1),
        (5000, None, 100, 100),
        (70, 32, 1000, 64),
        (3, 32, 1000, 32),
        (5000, 32, 100, 96),
        (5, 256, 100, 100),
    ],
)
def test_whole_batches(images, batch, most, expected):
    assert rounds.whole_batches(images, batch, most) == expected


class FakeContestant:
    """Takes 1 / batch seconds for an image; a batch of 8 fails, or each does."""

    version = "1.0"

    def __init__(self, name: str, *, broken: bool = False) -> None:
        self.name = name
        self.candidates = [{"batch": 2}, {"batch": 4}, {"batch": 8}, {"batch": 64}]
        self.broken = broken
        self.asked: list[int] = []

    def measure(self, settings: Any, images: int, at_least: float = 0.0) -> tuple[float, np.ndarray]:
        self.asked.append(images)
        if self.broken or settings["batch"] == 8:
            raise ContestantError(f"{self.name}: out of memory")
        return 1 / settings["batch"], np.zeros(images, int)


def test_everybody_takes_turns_with_the_best_settings(monkeypatch, capsys):
    monkeypatch.setattr(rounds, "PAUSE", 0)
    good, broken = FakeContestant("good"), FakeContestant("broken", broken=True)
    found = rounds.in_turns([good, broken], images=20, rounds=3, turn=2.0)
    assert list(found) == ["good"]
    assert found["good"].settings == {"batch": 4}
    assert found["good"].seconds == [0.25] * 3
    assert found["good"].images_per_second == 4
    assert good.asked[-4:] == [20, 8, 8, 8]
    assert "left out: broken: out of memory" in capsys.readouterr().err


def measured(seconds: list[float], answers: list[int]) -> Measured:
    return Measured("1.0", {"batch": 4}, np.array(answers), 4, seconds)


LABELS = np.arange(200) % 10
RIGHT, HALF = list(LABELS), [*LABELS[:100], *(LABELS[100:] + 1) % 10]
FOUND = {
    "graded": measured([1.0, 2.0, 1.0], RIGHT),
    "binary": measured([4.0, 8.0, 4.0], RIGHT),
    "fewest": measured([0.5, 0.5, 0.5], RIGHT),
    "keras": measured([0.5, 1.0, 0.5], RIGHT),
    "torch": measured([0.1, 0.2, 0.1], RIGHT),
    "snntorch": measured([40.0, 80.0, 40.0], RIGHT),
    "sinabs": measured([10.0, 20.0, 10.0], RIGHT),
    "spikingjelly": measured([5.0, 5.0, 5.0], HALF),
}
WORK = {"events": 1000.0, "additions": 1e6, "neurons": 500}
LIMITS = {"copied_bytes": 1e9, "added_float32": 1e9, "added_float64": 5e8}


def test_there_is_no_ratio_with_a_program_that_answers_otherwise():
    accuracy = results.accuracies(FOUND, LABELS)
    assert accuracy["graded"] == 100
    assert accuracy["spikingjelly"] == 50
    without = results.refused(accuracy, len(LABELS))
    assert without == {"spikingjelly": "50.00 % right, binary 100.00 %: more than 0.5 points apart"}
    found = results.ratios(FOUND, without)
    assert found["graded / sinabs"] == pytest.approx(10)  # the best of those that are left
    assert found["graded / keras"] == pytest.approx(0.5)
    assert found["binary / torch"] == pytest.approx(0.025)
    assert [pair for pair in found if pair.startswith("fewest")] == ["fewest / keras", "fewest / torch"]
    assert not any("spikingjelly" in pair or "snntorch" in pair for pair in found)


def test_without_labels_the_models_answers_are_right():
    assert results.accuracies(FOUND, None)["keras"] == 100


def test_one_image_of_few_may_differ():
    assert results.refused({"keras": 100.0, "torch": 90.0}, 10) == {}
    assert "torch" in results.refused({"keras": 100.0, "torch": 80.0}, 10)


def test_a_program_is_refused_where_its_reference_is_missing():
    assert results.refused({"sinabs": 100.0}, 10) == {"sinabs": "binary is not there to compare with"}


def test_the_limit_adds_the_time_of_additions_and_of_memory():
    found = results.limit(WORK, LIMITS, steps=16)
    assert found["additions"] == pytest.approx(1000)
    assert found["memory"] == pytest.approx(1e9 / (8 * 500 * 16))
    assert found["both"] == pytest.approx(1 / (1 / found["additions"] + 1 / found["memory"]))


def test_the_report_has_every_part():
    network = results.network_results(FOUND, LABELS, {"graded": 16, "sinabs": 16}, WORK)
    network |= {"title": "A network", "limit": results.limit(WORK, LIMITS, 16)}
    row = {"varied": "steps", "value": 4, "seconds": 0.001, "events": 10.0, "additions": 1e6}
    machine = {"system": "Linux", "threads": 2}
    whole = {"machine": machine, "rounds": 3, "limits": LIMITS, "networks": {"a": network}, "growth": [row]}
    text = table.everything(whole)
    assert "| graded (1.0) | 16 | batch 4 | 100.00 | 1 |" in text
    assert "| graded / sinabs | 10.0 | 0.1 |" in text
    assert "No ratio with spikingjelly: 50.00 % right" in text
    assert "| steps | 4 | 1 | 10 | 1 |" in text
    assert "1,000,000 additions" in text


def test_a_worker_answers_over_its_pipes(tmp_path):
    np.save(tmp_path / "samples.npy", np.arange(12, dtype=np.float32).reshape(6, 2))
    script = tmp_path / "with_nothing.py"
    script.write_text(
        f"import sys\nsys.path.insert(0, {str(FOLDER / 'peers')!r})\nimport worker\n"
        "def prepare(settings):\n"
        "    if settings['batch'] > 2: raise MemoryError('too\\nlarge')\n"
        "    print('nor is this')\n"
        "    return lambda x: lambda: x.argmax(axis=-1) + worker.steps()\n"
        "worker.serve('nothing 1', [{'batch': 2}], prepare)\n",
        encoding="utf-8",
    )
    contestant = Contestant("nothing", sys.executable, str(script), [tmp_path, 16], 1, tmp_path / "log")
    try:
        assert (contestant.version, contestant.candidates) == ("nothing 1", [{"batch": 2}])
        seconds, answers = contestant.measure({"batch": 2}, 5)
        assert seconds > 0
        assert answers.tolist() == [17] * 5
        with pytest.raises(ContestantError, match=r"^nothing: MemoryError: too large$"):
            contestant.measure({"batch": 4}, 5)
        assert len(contestant.measure({"batch": 2}, 6)[1]) == 6
    finally:
        contestant.close()


def test_a_worker_that_ends_says_its_last_line(tmp_path):
    script = tmp_path / "with_failure.py"
    script.write_text("raise SystemExit('no such library')", encoding="utf-8")
    with pytest.raises(ContestantError, match=r"^failure ended with 1: no such library$"):
        Contestant("failure", sys.executable, str(script), [tmp_path, 16], 1, tmp_path / "log")


def test_work_is_repeated_until_it_took_long_enough():
    times = []
    found = worker.measure(lambda: times.append(0) or [1, 2], 2, 0.002)
    assert found["answers"] == [1, 2]
    assert found["seconds"] * 2 * len(times) >= 0.002


def test_batches_cover_the_samples():
    assert worker.batches(5, 2) == [slice(0, 2), slice(2, 4), slice(4, 5)]


def test_a_missing_python_is_told_in_one_line(tmp_path):
    with pytest.raises(environments.NoEnvironmentError, match=r"^NengoDL needs Python 3\.9: .*--python39 PATH$"):
        environments.find_python("3.9", str(tmp_path / "python"))
    with pytest.raises(environments.NoEnvironmentError, match=r"which is 3\.\d+;"):
        environments.find_python("2.7", sys.executable)
    assert environments.find_python("", None) == sys.executable


def test_an_environment_is_made_once(tmp_path, monkeypatch, capsys):
    commands: list[list[str]] = []

    def run(command: list[str]) -> None:
        commands.append(command)
        (tmp_path / "torch").mkdir(exist_ok=True)

    monkeypatch.setattr(environments, "_run", run)
    made = environments.environments("torch==2", "https://example.org/cpu")["torch"]
    for _ in range(2):
        assert environments.require(made, tmp_path).parent.parent == tmp_path / "torch"
    assert [command[2] for command in commands] == ["venv", "pip", "pip"]
    assert commands[1][-3:] == ["torch==2", "--index-url", "https://example.org/cpu"]
    environments.require(environments.environments("torch==3", None)["torch"], tmp_path)
    assert len(commands) == 6
    capsys.readouterr()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--only", "tutorial,99"], "expected names out of limits, tutorial, "),
        (["--peers", "brian"], "expected names out of nengodl, "),
        (["--rounds", "0"], "expected a whole number of at least 1, received 0"),
    ],
)
def test_wrong_options_are_told(arguments, expected, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(sys, "argv", ["peers.py", "--environments", str(tmp_path), *arguments])
    with pytest.raises(SystemExit):
        peers.parsed()
    assert expected in capsys.readouterr().err


def test_only_the_tutorials_network_goes_to_nengodl():
    pythons = {name: Path(name) for name in peers.PEERS}
    names = [name for name, *_ in peers.programs("tutorial", pythons, ["graded"])]
    assert names == ["graded", "keras", *peers.PEERS]
    assert "nengodl" not in [name for name, *_ in peers.programs("33", pythons, ["graded"])]


def test_every_program_has_its_script():
    pythons = {name: Path(name) for name in peers.PEERS}
    for _, _, script, _ in peers.programs("tutorial", pythons, ["graded"]):
        assert (FOLDER / "peers" / script).is_file()
