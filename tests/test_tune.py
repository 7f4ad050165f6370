"""tune: trials that can be repeated and resumed, scores on samples that were not calibrated on, and the front."""

from __future__ import annotations

import json
import re
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import real_material
import small_files
import spikeport
from small_files import layer, sequential
from spikeport import DataError, TuneResult, UsageError
from spikeport.cli import main
from spikeport.tuning import scoring
from spikeport.tuning.result import TuneRow, front_of
from spikeport.tuning.scoring import calibration_part
from spikeport.tuning.settings import Settings, first_settings, search_space

pytest.importorskip("optuna", reason="needs optuna")

X = small_files.samples(24)
Y = np.arange(24) % 4
QUICK = {"max_steps": 4, "trials": 5}


def tuned(model: Any, y: Any = Y, **options: Any) -> TuneResult:
    return spikeport.tune(model, X, y, **(QUICK | options))


@pytest.fixture(scope="module")
def result(small_h5) -> TuneResult:
    return tuned(small_h5)


def row(number: int, loss: float, steps: int, spikes: float, **settings: Any) -> TuneRow:
    settings = Settings(steps=steps, **settings)
    return TuneRow(number=number, settings=settings, loss=loss, accuracy=0.9, spikes=spikes, operations=-spikes)


# The search


def test_what_is_tried_first_is_what_one_would_try_without_a_search(result):
    assert tuple(r.settings for r in result.rows[:2]) == first_settings(4)
    assert [s.steps for s in first_settings(4)] == [4, 4]
    assert [s.steps for s in first_settings(64)] == [16, 4, 64]
    assert Settings(steps=3).neurons == spikeport.PRESETS["graded"]
    assert first_settings(64)[2].neurons == spikeport.PRESETS["binary"]


def test_every_setting_is_searched_and_is_one_that_convert_takes(small_h5):
    space = search_space(8)
    assert set(space) == set(Settings(steps=1).to_json())
    for name, distribution in space.items():
        ends = getattr(distribution, "choices", None) or (distribution.low, distribution.high)
        for value in ends:
            settings = Settings(**{"steps": 2, name: value})
            net = spikeport.convert(small_h5, X, **settings.arguments())
            assert net.target_steps == settings.steps


def test_a_row_is_scored_on_what_it_was_not_calibrated_on(small_h5, result):
    part = calibration_part(len(X), 0)
    rest = np.setdiff1d(np.arange(len(X)), part)
    assert (len(part), result.calibration_samples, result.scored_samples) == (12, 12, 12)
    for each in result.rows:
        net = spikeport.convert(small_h5, X[part], **each.settings.arguments())
        score = spikeport.evaluate(net, X[rest], Y[rest])
        assert each.accuracy == score.accuracy[-1]
        assert each.loss == pytest.approx(100 * (score.keras_accuracy - score.accuracy[-1]))
        assert each.spikes == score.spikes_per_sample
        assert each.operations == score.synaptic_operations_per_sample
        assert result.keras_accuracy == pytest.approx(score.keras_accuracy)


def test_the_network_of_a_row_is_what_convert_makes(small_h5, result, tmp_path):
    chosen = result.rows[-1]
    result.network(chosen).save(tmp_path / "net.h5")
    net = spikeport.load(tmp_path / "net.h5")
    made = spikeport.convert(small_h5, X[calibration_part(len(X), 0)], **chosen.settings.arguments())
    np.testing.assert_array_equal(net.run(X).output, made.run(X).output)
    assert net.provenance == json.loads(json.dumps(made.provenance))
    assert str(net.report) == str(made.report)


def test_a_seed_repeats_the_trials(small_h5, result):
    assert tuned(small_h5).rows == result.rows
    assert tuned(small_h5, seed=1).rows != result.rows


@pytest.mark.parametrize("energy", ["spikes", "operations"])
def test_the_front_holds_what_nothing_beats(energy):
    rng = np.random.default_rng(0)
    for _ in range(20):
        rows = [row(n, *map(float, rng.integers(1, 5, 3))) for n in range(12)]
        values = np.array([r.objectives(energy) for r in rows])
        beaten = [bool(((values <= v).all(1) & (values < v).any(1)).any()) for v in values]
        front = front_of(rows, energy)
        assert {r.objectives(energy) for r in front} == {tuple(v) for v, b in zip(values, beaten) if not b}
        assert len({r.objectives(energy) for r in front}) == len(front)
        assert all(a.steps <= b.steps for a, b in pairwise(front))


def test_few_samples_to_score_on_are_those_asked_for(small_h5):
    assert tuned(small_h5, trials=1, scored_samples=5).scored_samples == 5


def test_a_target_loss_is_for_the_search_too(small_h5):
    assert len(tuned(small_h5, target_loss=5.0).rows) == 5


# Models and labels of other kinds


def test_without_labels_the_rate_network_is_right(small_h5):
    found = tuned(small_h5, None, trials=3)
    assert found.keras_accuracy is None
    assert all(r.loss == pytest.approx(100 * (1 - r.accuracy)) for r in found.rows)


@pytest.mark.parametrize("labelled", [True, False])
def test_outputs_that_are_no_classes_lose_in_percent_of_the_deviation(tmp_path, labelled):
    config = sequential(
        layer("InputLayer", "in", batch_shape=[None, 4]),
        layer("Dense", "hidden", units=6, activation="relu"),
        layer("Dense", "out", units=1, activation="linear"),
    )
    rng = np.random.default_rng(0)
    weights = {
        "hidden": {"kernel": rng.normal(size=(4, 6)), "bias": np.zeros(6)},
        "out": {"kernel": rng.normal(size=(6, 1)), "bias": np.zeros(1)},
    }
    path = small_files.write_h5(tmp_path / "m.h5", config, weights)
    x, y = rng.random((40, 4)), rng.normal(size=(40, 1)) if labelled else None
    found = spikeport.tune(path, x, y, max_steps=32, trials=3)
    assert [r.accuracy for r in found.rows] == [None] * 3
    assert found.keras_accuracy is None
    rest = np.setdiff1d(np.arange(40), calibration_part(40, 0))
    for each in found.rows:
        net = found.network(each)
        spiking, rates = net.run(x[rest]).output, net.run(x[rest], spiking=False).output
        wanted = rates if y is None else y[rest]
        errors = [float(np.sqrt(np.mean((output - wanted) ** 2))) for output in (spiking, rates)]
        difference = 100 * (errors[0] - errors[1]) / wanted.std()
        assert each.loss == pytest.approx(difference, rel=1e-4, abs=1e-4)  # of float32 outputs


# What is chosen


CHOICES = [row(0, 4.0, 2, 100), row(1, 0.4, 8, 300), row(2, 0.3, 4, 900), row(3, -0.1, 16, 2000), row(4, 5.0, 5, 500)]


def result_of(*rows: TuneRow, energy: str = "spikes") -> TuneResult:
    return TuneResult(
        rows=rows,
        energy=energy,
        has_labels=True,
        calibration_samples=1,
        scored_samples=1,
        stopped=False,
        convert_row=lambda settings: None,
    )


@pytest.mark.parametrize(
    ("prefer", "loss", "number"),
    [("accuracy", 0.0, 3), ("steps", 0.5, 2), ("spikes", 0.5, 1), ("steps", 10, 0), ("spikes", 0.35, 2)],
)
def test_one_row_is_chosen_by_what_is_preferred(prefer, loss, number):
    found = result_of(*CHOICES)
    assert [r.number for r in found.front] == [0, 2, 1, 3]
    assert found.pick(prefer=prefer, loss=loss).number == number
    assert found.best(loss, prefer=prefer) == found.row(number).settings.arguments()


def test_what_there_is_not_is_not_chosen():
    found = result_of(*CHOICES)
    with pytest.raises(UsageError, match=r"loses at most -1, found none below -0\.1 in 5 trials"):
        found.best(loss=-1)
    with pytest.raises(UsageError, match="expected to prefer one of accuracy, steps, spikes"):
        found.best(prefer="speed")
    with pytest.raises(UsageError, match="expected the number of a conversion of the study, received 9"):
        found.row(9)


# A study in a file


def test_a_resumed_study_goes_on_as_if_it_had_never_stopped(small_h5, result, tmp_path):
    study = tmp_path / "study"
    assert tuned(small_h5, study=study, trials=3).rows == result.rows[:3]
    assert tuned(small_h5, study=study, trials=2, resume=True).rows == result.rows[:3]
    told: list[int] = []
    assert tuned(small_h5, study=study, resume=True, on_progress=told.append).rows == result.rows
    assert told == [3, 1, 1]


@pytest.fixture
def interrupted(monkeypatch):
    """Have the trial of a number be interrupted."""
    score = scoring.Scorer.score

    def at(number: int, error: type[BaseException] = KeyboardInterrupt) -> None:
        def stop(self, trial, settings):
            if trial == number:
                raise error
            return score(self, trial, settings)

        monkeypatch.setattr(scoring.Scorer, "score", stop)

    return at


@pytest.mark.parametrize("number", [1, 4])
def test_an_interruption_keeps_what_is_done(small_h5, result, tmp_path, interrupted, number):
    interrupted(number)
    study = tmp_path / "study"
    found = tuned(small_h5, study=study)
    assert found.stopped
    assert found.rows == result.rows[:number]
    again = tuned(small_h5, study=study, resume=True)
    assert not again.stopped
    assert [r.settings for r in again.rows] == [r.settings for r in result.rows]
    assert [r.number for r in again.rows] == [n for n in range(6) if n != number]


def test_an_interruption_before_the_first_trial_is_done_is_one(small_h5, interrupted):
    interrupted(0)
    with pytest.raises(KeyboardInterrupt):
        tuned(small_h5)


def test_what_a_trial_raises_is_raised_and_the_study_goes_on(small_h5, tmp_path, interrupted):
    interrupted(2, MemoryError)
    with pytest.raises(MemoryError):
        tuned(small_h5, study=tmp_path / "study")
    assert len(tuned(small_h5, study=tmp_path / "study", resume=True).rows) == 5


@pytest.mark.parametrize("cut", [1, 2, 40, 300, 700])
def test_a_study_whose_process_was_killed_goes_on(small_h5, result, tmp_path, cut):
    study = tmp_path / "study"
    tuned(small_h5, study=study)
    study.write_bytes(study.read_bytes()[:-cut])  # as if it had been killed while it wrote
    found = tuned(small_h5, study=study, resume=True)
    assert [r.settings for r in found.rows] == [r.settings for r in result.rows]
    for line in study.read_text(encoding="utf-8").splitlines():
        json.loads(line)


OTHERS = [
    ({"seed": 1}, UsageError, "received others: .*seed 0, now 1"),
    ({"max_steps": 5}, UsageError, "max_steps 4, now 5"),
    ({"energy": "operations"}, UsageError, "energy 'spikes', now 'operations'"),
    ({"scored_samples": 3}, UsageError, "scored samples 12, now 3"),
    ({"y": 3 - Y}, UsageError, "received others: data"),
    ({"resume": False}, UsageError, "expected a new file, found one"),
    ({"y": Y[:5]}, DataError, "expected 24 labels"),
]


@pytest.mark.parametrize(("options", "error", "words"), OTHERS)
def test_a_study_of_something_else_is_not_resumed(small_h5, tmp_path, options, error, words):
    study = tmp_path / "study"
    tuned(small_h5, study=study, trials=1)
    before = study.read_bytes()
    with pytest.raises(error, match=words):
        tuned(small_h5, **({"study": study, "resume": True} | options))
    assert study.read_bytes().startswith(before)


DAMAGED = {
    "text": b"a text\nof two lines\n",
    "half a line": b'{"op_code":0',
    "numbers": b"1\n2\n",
    "other JSON": b'{"name": "x"}\n',
    "other op": b'{"op_code":99,"worker_id":"1"}\n',
    "bytes": bytes(range(256)),
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_file_that_is_no_study_is_refused_and_left_as_it_is(small_h5, tmp_path, content):
    study = tmp_path / "study"
    study.write_bytes(content)
    with pytest.raises(DataError, match="expected a study that tune wrote"):
        tuned(small_h5, study=study, resume=True)
    assert study.read_bytes() == content


WRONG = [
    ({"trials": 0}, UsageError, "trials of at least 1"),
    ({"max_steps": 0}, UsageError, "max_steps of at least 1"),
    ({"scored_samples": 0}, UsageError, "scored_samples of at least 1"),
    ({"seed": -1}, UsageError, "seed of at least 0"),
    ({"energy": "heat"}, UsageError, "energy out of spikes, operations"),
    ({"target_loss": 100}, UsageError, "target_loss in percentage points"),
    ({"resume": True}, UsageError, "expected a study to resume, received none"),
    ({"resume": True, "study": Path("nowhere-to-be-found")}, UsageError, "found no such file"),
    ({"y": Y + 9}, DataError, "expected class numbers"),
]


@pytest.mark.parametrize(("options", "error", "words"), WRONG)
def test_wrong_use_gets_a_sentence(small_h5, options, error, words):
    with pytest.raises(error, match=words):
        tuned(small_h5, **options)


def test_one_sample_is_too_few(small_h5):
    with pytest.raises(DataError, match="at least 2 samples"):
        spikeport.tune(small_h5, X[:1])


def test_without_optuna_a_sentence_says_what_to_install(small_h5, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(UsageError, match=re.escape("pip install 'spikeport[tune]'")):
        tuned(small_h5)


# On the command line


@pytest.fixture
def call(capsys, monkeypatch, small_h5, small_data):
    """Run the command on the small model; return its exit code, its output and its errors."""
    monkeypatch.setenv("COLUMNS", "100")

    def run(*arguments: Any) -> tuple[int, str, str]:
        common = ("tune", small_h5, "--data", small_data, "--trials", 4, "--max-steps", 4)
        code = main([str(a) for a in (*common, *arguments)])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def test_the_front_is_printed_drawn_and_saved(call, tmp_path):
    study, picture, net = tmp_path / "study", tmp_path / "front.png", tmp_path / "net.h5"
    code, out, err = call("-o", study, "--plot", picture, "--save-best", net, "--prefer", "accuracy")
    assert (code, err) == (0, "")
    assert "4 trials, calibrated on 12 samples, scored on 12 others" in out
    assert re.search(r"│ +\d+ │ +-?\d+\.\d\d │ +[\d.]+ % │ +\d+ │ +\d+ │ +(-15|-1|0)…\d+ │", out)
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert spikeport.load(net).target_steps <= 4
    assert sorted(p.name for p in tmp_path.iterdir()) == ["front.png", "net.h5", "study"]


def test_the_front_as_json_and_the_network_of_a_row(call, tmp_path):
    study = tmp_path / "study"
    call("-o", study)
    code, out, err = call("-o", study, "--resume", "--json", "--save", 1, tmp_path / "net.h5")
    values = json.loads(out)
    assert (code, err, values["trials"], values["stopped"]) == (0, "", 4, False)
    assert {"number", "loss", "accuracy", "spikes_per_sample", "settings"} <= set(values["front"][0])
    assert spikeport.load(tmp_path / "net.h5").provenance["neurons"] == "binary"


def test_an_interruption_shows_what_is_done(call, interrupted, tmp_path):
    interrupted(2)
    code, out, _ = call("-o", tmp_path / "study")
    assert code == 130
    assert "2 trials" in out
    assert "stopped" in out


WRONG_CALLS = [
    (("--plot", "front.txt"), "--plot: expected a file of .png, .svg, .pdf"),
    (("--save", "best", "net.h5"), "--save: expected the number of a row"),
    (("--save", "77", "net.h5"), "expected the number of a conversion"),
    (("--resume",), "expected a study to resume"),
    (("-o", "none/study"), "expected a folder"),
]


@pytest.mark.parametrize(("arguments", "words"), WRONG_CALLS)
def test_a_wrong_call_gets_a_sentence(call, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    code, _, err = call(*arguments)
    assert code == 2
    assert words in err
    assert list(tmp_path.iterdir()) == []


# A real model


@pytest.mark.slow
def test_a_real_model_keeps_its_accuracy_in_few_steps(tmp_path):
    x, y = real_material.mnist("t10k")
    path, study = real_material.model_path("20"), tmp_path / "study"
    options: dict[str, Any] = {"max_steps": 16, "study": study}
    begun = spikeport.tune(path, x[:1500], y[:1500], trials=4, **options)
    found = spikeport.tune(path, x[:1500], y[:1500], trials=12, resume=True, **options)
    assert found.rows[:4] == begun.rows
    assert (len(found.rows), found.calibration_samples, found.scored_samples) == (12, 512, 988)
    for one in found.front:
        for other in found.rows:
            better = [a <= b for a, b in zip(other.objectives("spikes"), one.objectives("spikes"))]
            assert not all(better) or other.objectives("spikes") == one.objectives("spikes")
    chosen = found.pick(loss=1.0)
    assert chosen.steps <= 4
    net = spikeport.convert(path, x[:512], **found.best(loss=1.0))
    score = spikeport.evaluate(net, x[1500:3500], y[1500:3500])  # samples that the search never saw
    assert score.keras_accuracy - score.accuracy[-1] < 0.02
