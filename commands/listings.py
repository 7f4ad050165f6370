"""``spikeport layers``, ``backends``, ``neurons``, ``encoders`` and ``codes``: what there is."""

from __future__ import annotations

import argparse

from .arguments import Commands
from .terminal import standard_output

__all__ = ["add_to"]

_LISTINGS = (
    ("layers", "list the Keras layers and what becomes of each"),
    ("backends", "list the places where a network can run"),
    ("neurons", "list the neurons that ReLUs can become, and which backends take them"),
    ("encoders", "list the ways in which samples enter a network"),
    ("codes", "list the codes of the report"),
)


def add_to(commands: Commands) -> None:
    """Add the commands."""
    for name, summary in _LISTINGS:
        listing = commands.add(name, _list, summary)
        listing.set_defaults(listing=name)
        listing.add_argument("--markdown", action="store_true", help="as a Markdown table")


def _list(options: argparse.Namespace) -> int:
    from ..listings import LISTINGS, print_listing

    print_listing(standard_output(), LISTINGS[options.listing](options.markdown), markdown=options.markdown)
    return 0
