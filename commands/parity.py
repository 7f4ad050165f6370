"""``spikeport parity``."""

from __future__ import annotations

import argparse
from pathlib import Path

from .arguments import Commands, add_architecture, add_input_shape, add_json, add_model
from .terminal import print_json, standard_output

__all__ = ["add_to"]


def add_to(commands: Commands) -> None:
    """Add the command."""
    parity = commands.add("parity", _parity, "compare each layer of the rate network with the model")
    add_model(parity)
    parity.add_argument("--data", metavar="DATA.npz", type=Path, help="samples x (default: 8 of noise)")
    parity.add_argument(
        "--with-keras", action="store_true", help="compare with Keras, which loads the file: for files you trust only"
    )
    add_architecture(parity)
    add_input_shape(parity)
    add_json(parity)


def _parity(options: argparse.Namespace) -> int:
    from ..layer_parity import parity
    from ..run_output import print_parity
    from ..samples import load_npz

    data = load_npz(options.data)[0] if options.data else None
    result = parity(
        options.model,
        data,
        with_keras=options.with_keras,
        architecture=options.architecture,
        input_shape=options.input_shape,
    )
    if options.json:
        print_json(result.to_json())
    else:
        print_parity(standard_output(), result)
    return 0 if result.first_difference is None else 1
