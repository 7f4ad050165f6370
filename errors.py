"""The errors that spikeport raises.

Every message is one sentence that names the file or layer, what was expected, what came and what to do::

    SpikeportError
    ├── UsageError         an argument or option that cannot be used as given            exit code 2
    ├── SourceError        a model file that cannot be read, or must not be              exit code 2
    ├── DataError          samples that do not fit the model                             exit code 2
    ├── GraphError         a graph that contradicts itself: a defect of a pass or file   exit code 1
    ├── ConversionError    layers that cannot be converted; holds the whole report       exit code 1
    ├── ParityError        a conversion that does not compute what the model does        exit code 1
    └── BackendError       a network that a backend cannot take or run here              exit code 1
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .converter.report.report import Report

__all__ = [
    "BackendError",
    "ConversionError",
    "DataError",
    "GraphError",
    "ParityError",
    "SourceError",
    "SpikeportError",
    "UsageError",
]


class SpikeportError(Exception):
    """The root of every error that spikeport raises on purpose."""

    exit_code = 1


class UsageError(SpikeportError):
    """An argument or option that cannot be used as given."""

    exit_code = 2


class SourceError(SpikeportError):
    """A model file that cannot be read, or that must not be."""

    exit_code = 2


class DataError(SpikeportError):
    """Samples that do not fit the model."""

    exit_code = 2


class GraphError(SpikeportError):
    """A graph that contradicts itself."""


class ParityError(SpikeportError):
    """A conversion that does not compute what the model does."""


class BackendError(SpikeportError):
    """A network that a backend cannot take, or a backend that cannot run here."""


class ConversionError(SpikeportError):
    """Layers that cannot be converted.

    Attributes
    ----------
    report
        What became of every layer, the convertible ones included.
    """

    def __init__(self, message: str, report: Report) -> None:
        super().__init__(message)
        self.report = report
