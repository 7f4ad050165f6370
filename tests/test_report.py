"""The catalogue of reasons and the report: every code is used, every layer is shown, and JSON brings it all back."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from spikeport import REASONS, ConversionError, Report
from spikeport.converter.report import Entry, ReportBuilder, Severity

SOURCES = Path(__file__).resolve().parents[1]
CATALOGUE = SOURCES / "converter" / "report" / "reasons.py"
HIDDEN = ("tests", "docs", "examples", "benchmarks", "site", "build")


def source_files() -> list[Path]:
    folders = {path.parent for path in SOURCES.rglob("__init__.py")}
    return [
        path
        for folder in folders
        for path in folder.glob("*.py")
        if not set(path.relative_to(SOURCES).parts) & set(HIDDEN)
        and not any(part.startswith(".") for part in path.relative_to(SOURCES).parts)
    ]


def an_entry_of_each_code() -> Report:
    builder = ReportBuilder("my model")
    for number, code in enumerate(REASONS):
        entry = Entry(
            code=code, layer=f"layer[{number}]", layer_type="Odd", detail="it [is] so", figures={"neurons": 7}
        )
        builder.layer(entry)
        builder.note(code, "a [note]", samples=3, share=0.125)
    return builder.build()


def test_the_codes_are_unique():
    written = re.findall(r'Reason\(\s*"([a-z0-9-]+)"', CATALOGUE.read_text(encoding="utf-8"))
    assert len(written) == len(set(written)) == len(REASONS)
    assert list(REASONS) == [reason.code for reason in REASONS.values()]


@pytest.mark.parametrize("code", REASONS)
def test_each_code_is_used_somewhere(code):
    uses = [path for path in source_files() if path != CATALOGUE and f'"{code}"' in path.read_text(encoding="utf-8")]
    assert uses


@pytest.mark.parametrize("reason", REASONS.values(), ids=REASONS)
def test_each_reason_is_a_clause_and_has_a_remedy_where_one_is_due(reason):
    assert re.fullmatch(r"[a-z0-9-]+", reason.code)
    assert reason.what[0].islower() or reason.what.split()[0].isupper()
    assert not reason.what.endswith(".")
    assert not reason.remedy.endswith(".")
    if reason.severity in (Severity.APPROXIMATE, Severity.REFUSED, Severity.UNSUPPORTED):
        assert reason.remedy


def test_the_severities_have_an_order():
    assert [severity.rank for severity in Severity] == list(range(len(Severity)))
    assert Severity.EXACT.rank < Severity.HOST.rank < Severity.UNSUPPORTED.rank


def test_json_brings_the_report_back():
    report = an_entry_of_each_code()
    again = Report.from_json(json.loads(json.dumps(report.to_json())))
    assert again == report
    assert again.to_json() == report.to_json()


def test_the_text_shows_every_layer_every_code_and_every_remedy():
    report = an_entry_of_each_code()
    text = " ".join(re.sub(r"[│┃|]", " ", str(report)).split())
    joined = text.replace(" ", "")
    for entry in (*report.layers, *report.notes):
        assert entry.layer.replace(" ", "") in joined
        assert entry.code.replace(" ", "") in joined
        assert entry.detail.split()[0] in text
        if entry.severity is not Severity.EXACT:
            assert entry.reason.remedy.replace(" ", "") in joined
    assert "my model" in text


@pytest.mark.parametrize("code", [code for code, reason in REASONS.items() if reason.severity is Severity.UNSUPPORTED])
def test_only_what_is_unsupported_stops_a_conversion(code):
    builder = ReportBuilder("my model")
    builder.layer(Entry(code="linear", layer="fine", layer_type="Dense"))
    builder.layer(Entry(code=code, layer="odd", layer_type="Strange", detail="so"))
    report = builder.build()
    assert not report.convertible
    assert [entry.layer for entry in report.unsupported] == ["odd"]
    if code == "after-unsupported":
        return report.require_convertible()  # the layer before it is the reason
    with pytest.raises(
        ConversionError, match=r"my model cannot be converted: odd \(Strange\): .* To fix it: "
    ) as error:
        report.require_convertible()
    assert error.value.report is report
    return None


def test_layers_with_the_same_reason_are_named_together():
    builder = ReportBuilder("my model")
    for name in ("first", "second"):
        builder.layer(Entry(code="recurrent", layer=name, layer_type="LSTM"))
    with pytest.raises(ConversionError) as error:
        builder.build().require_convertible()
    assert "first (LSTM), second (LSTM): " in str(error.value)
    assert str(error.value).count(REASONS["recurrent"].remedy) == 1


def test_a_later_word_keeps_the_figures_of_an_earlier_one():
    builder = ReportBuilder("my model")
    builder.layer(Entry(code="scale-shift", layer="bn", layer_type="BatchNormalization", figures={"parameters": 8}))
    builder.became(["bn"], "folded", "into conv", scales=2)
    builder.figures(["bn"], neurons=3)
    (entry,) = builder.build().layers
    assert (entry.code, entry.detail) == ("folded", "into conv")
    assert entry.figures == {"parameters": 8, "scales": 2, "neurons": 3}
    assert builder.code_of("bn") == "folded"
    assert entry.sentence == f"{REASONS['folded'].what} (into conv)"
