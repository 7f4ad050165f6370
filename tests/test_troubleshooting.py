"""The troubleshooting page names every code that a user has to do something about, and quotes messages that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from spikeport import REASONS
from spikeport.converter.report import Severity

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
TO_EXPLAIN = (Severity.UNSUPPORTED, Severity.REFUSED, Severity.APPROXIMATE)
PLACES = (
    "training/**/*.py",
    "*.py",
    "backends/**/*.py",
    "commands/*.py",
    "converter/**/*.py",
    "encoders/*.py",
    "tuning/*.py",
)


def code_section() -> str:
    return PAGE.partition("## Codes of the report")[2].partition("\n## ")[0]


@pytest.mark.parametrize("code", [r.code for r in REASONS.values() if r.severity in TO_EXPLAIN])
def test_each_code_that_needs_doing_something_is_explained(code):
    assert re.search(rf"^\| `{code}` \| [^|]{{10,}} \| [^|]{{5,}} \|$", code_section(), re.MULTILINE)


def test_no_code_is_explained_that_is_not_there():
    assert set(re.findall(r"^\| `([a-z0-9-]+)` \|", code_section(), re.MULTILINE)) <= set(REASONS)


def all_sources() -> str:
    """The text of every module, with strings that go over several lines put together."""
    text = "\n".join(path.read_text(encoding="utf-8") for place in PLACES for path in sorted(ROOT.glob(place)))
    return re.sub(r'"\s*\n\s*f?"', "", text)


def quoted_messages() -> list[str]:
    """What stands in backquotes in the first column of the tables, but for that of the codes."""
    tables = PAGE.replace(code_section(), "")
    cells = re.findall(r"^\| (.*?) \| ", tables, re.MULTILINE)
    return [words for cell in cells for words in re.findall(r"`([^`]+)`", cell)]


def test_every_message_that_is_quoted_is_one_that_can_be_raised():
    sources = all_sources()
    quoted = quoted_messages()
    assert len(quoted) > 60
    assert [words for words in quoted if words not in sources] == []


def test_the_tables_are_in_the_order_of_the_messages():
    first = [re.findall(r"^\| `([^`]+)`", table, re.MULTILINE) for table in re.split(r"\n\n", PAGE)]
    for messages in first:
        assert messages == sorted(messages, key=str.lower)
