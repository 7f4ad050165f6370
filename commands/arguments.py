"""What several commands have in common: how a command is added, arguments, and the types of their values."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

__all__ = [
    "BACKENDS",
    "ENCODERS",
    "Commands",
    "add_architecture",
    "add_input_shape",
    "add_json",
    "add_model",
    "pair",
    "shape",
]

BACKENDS = ("cpu", "nengo", "keras", "loihi")
ENCODERS = ("constant", "poisson", "first-spike", "delta")


class Commands:
    """The commands of a parser."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self._parsers = parser.add_subparsers(required=True, title="commands")

    def add(self, name: str, command: Callable[[argparse.Namespace], int], summary: str) -> argparse.ArgumentParser:
        """Add a command, which takes the options and returns the exit code; return the parser for its arguments."""
        parser = self._parsers.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        parser.set_defaults(command=command)
        return parser


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add the model's file."""
    parser.add_argument("model", metavar="MODEL", help="a .h5 or .keras file")


def add_architecture(parser: argparse.ArgumentParser) -> None:
    """Add the file of the architecture, for a model's file of weights only."""
    text = "the model's architecture, as model.to_json() returns it, where MODEL holds weights only"
    parser.add_argument("--architecture", metavar="FILE.json", type=Path, help=text)


def add_input_shape(parser: argparse.ArgumentParser) -> None:
    """Add the shape of a sample."""
    text = "shape of one sample, where the file does not hold it: 28,28,1"
    parser.add_argument("--input-shape", type=shape, metavar="N,N,…", help=text)


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add the choice of JSON."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def shape(text: str) -> tuple[int, ...]:
    """Read whole numbers with commas between."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected whole numbers with commas between, received {text!r}") from None


def pair(text: str) -> tuple[float, float]:
    """Read two numbers with a comma between."""
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected two numbers with a comma between, received {text!r}") from None
    return low, high
