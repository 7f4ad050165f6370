"""Write the generated parts of the docs again, or check that they are fresh.

A page holds a part between two comments::

    <!-- generated: NAME -->
    …
    <!-- end -->

What stands between them is replaced by what the installed ``spikeport`` says of itself. With ``--check`` nothing is
written, and the exit status is 1 if a page is stale. The help of the commands is left alone unless this runs on the
oldest supported Python, since argparse words and wraps it differently in each version.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

PAGES = Path(__file__).resolve().parent
COMMANDS = (
    "demo",
    "check",
    "convert",
    "parity",
    "run",
    "evaluate",
    "place",
    "emulate",
    "ladder",
    "finetune",
    "tune",
    "report",
    "layers",
    "backends",
    "neurons",
    "encoders",
    "codes",
)
OLDEST_PYTHON = (3, 11)
PART = re.compile(r"(<!-- generated: (?P<name>[\w-]+) -->\n)(?P<text>.*?)(<!-- end -->)", re.DOTALL)


def spikeport(*arguments: str) -> str:
    """What ``python -m spikeport`` prints, on a terminal of 100 columns without colour."""
    plain = {"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb", "PYTHONUTF8": "1"}
    inherited = {name: value for name, value in os.environ.items() if name != "FORCE_COLOR"}
    command = [sys.executable, "-m", "spikeport", *arguments]
    done = subprocess.run(
        command, env=inherited | plain, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", check=False
    )
    if done.returncode:
        raise SystemExit(f"spikeport {' '.join(arguments)} failed:\n{done.stderr}")
    return done.stdout.strip()


def helps() -> str:
    """The help of every command, each under its own heading."""
    parts = [f"```text\n{spikeport('--help')}\n```"]
    parts += [f"## {command}\n\n```text\n{spikeport(command, '--help')}\n```" for command in COMMANDS]
    return "\n\n".join(parts)


PARTS: dict[str, Callable[[], str]] = {
    "backends": lambda: spikeport("backends", "--markdown"),
    "cli": helps,
    "codes": lambda: spikeport("codes", "--markdown"),
    "encoders": lambda: spikeport("encoders", "--markdown"),
    "layers": lambda: spikeport("layers", "--markdown"),
    "neurons": lambda: spikeport("neurons", "--markdown"),
}


def refreshed(page: Path) -> str:
    """The text of a page with each generated part made anew."""

    def part(match: re.Match[str]) -> str:
        name = match["name"]
        if name not in PARTS:
            raise SystemExit(f"{page.name}: no generated part is called {name!r}; there are {', '.join(PARTS)}")
        if name == "cli" and sys.version_info[:2] != OLDEST_PYTHON:
            return match[0]
        return f"{match[1]}\n{PARTS[name]()}\n\n{match[4]}"

    return PART.sub(part, page.read_text(encoding="utf-8"))


def main() -> int:
    """Refresh or check every page."""
    parser = argparse.ArgumentParser(description="Write the generated parts of the docs again.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit status 1 if a page is stale")
    check = parser.parse_args().check

    stale = []
    for page in sorted(PAGES.glob("*.md")):
        text = refreshed(page)
        if text != page.read_text(encoding="utf-8"):
            stale.append(page.name)
            if not check:
                page.write_text(text, encoding="utf-8")
    if not stale:
        print("every generated part is fresh")
    elif check:
        print(f"stale: {', '.join(stale)}. Run docs/generate.py (make generate).")
    else:
        print(f"written: {', '.join(stale)}")
    return int(check and bool(stale))


if __name__ == "__main__":
    raise SystemExit(main())
