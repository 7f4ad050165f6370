"""The command line: ``spikeport COMMAND …``.

Exit codes: 0 done, 1 the model cannot be converted or does not fit, 2 wrong use or an unreadable file. An error is one
sentence on the standard error stream; there are no tracebacks.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence

from .commands import Commands, add_all
from .errors import SpikeportError
from .plain_text import one_line

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    options = _parser().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that lacks a character gets a question mark
    try:
        code = int(options.command(options))
        sys.stdout.flush()
        return code
    except SpikeportError as error:
        print(f"spikeport: {one_line(str(error))}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:  # what read our output has seen enough: spikeport codes | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt as stop:
        print(f"spikeport: {one_line(str(stop)) or 'stopped; nothing was written'}", file=sys.stderr)
        return 130
    except (MemoryError, OSError) as error:
        print(f"spikeport: {type(error).__name__}: {one_line(str(error))}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="spikeport",
        description="Turn a trained Keras model into a spiking neural network, and run it.",
        epilog="exit codes: 0 done; 1 the model cannot be converted or does not fit; 2 wrong use or unreadable file",
    )
    add_all(Commands(parser))
    return parser
