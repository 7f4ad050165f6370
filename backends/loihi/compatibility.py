"""Import nengo-loihi: lazily, on NumPy 2, without TensorFlow, and without a warning that nobody can act on.

nengo-loihi 1.1.0, its last release, predates NumPy 2. Two calls changed their meaning since: ``array(..., copy=False)``
now raises where a copy is needed, and ``fromstring`` no longer reads binary data. They occur in three of its modules,
whose name ``np`` is bound here to a stand-in that keeps the old meaning. No file of nengo-loihi is changed, NumPy
itself is not touched, and the integers computed are the same under NumPy 1 and 2.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np

_SHIMMED_VERSION = "1.1.0"
_MODULES_WITH_OLD_NUMPY_CALLS = (
    "nengo_loihi.block",  # array(copy=False): the weights and indices of a synapse
    "nengo_loihi.neurons",  # array(copy=False): the arguments of rates()
    "nengo_loihi.dvs",  # fromstring: event files
)
_OPTIONAL_IMPORTS = ("tensorflow", "nengo_dl")
NOT_INSTALLED = "nengo-loihi is not installed: pip install 'spikeport[loihi]'"


def import_nengo_loihi() -> ModuleType:
    """Import ``nengo_loihi``, made to work on the installed NumPy.

    Calling it again changes nothing. TensorFlow, which nengo-loihi imports only to train with NengoDL, is left out
    unless the program has imported it before.

    Returns
    -------
    module
        The package ``nengo_loihi``.

    Raises
    ------
    ImportError
        If nengo-loihi is not installed; the message says how to install it.
    """
    try:
        with _hidden(_OPTIONAL_IMPORTS), warnings.catch_warnings():
            # nengo-loihi 1.1.0 names Nengo 3.2 as the newest version tested, and no release has followed. Its own tests
            # pass with Nengo 4.1 (on NumPy 1.26; on 2.4 all but three, which test Nengo itself).
            warnings.filterwarnings("ignore", r"This version of `nengo_loihi` has not been tested", UserWarning)
            nengo_loihi = importlib.import_module("nengo_loihi")
    except ModuleNotFoundError as error:
        if error.name not in ("nengo_loihi", "nengo"):
            raise
        raise ImportError(NOT_INSTALLED, name=error.name) from error
    if nengo_loihi.__version__ == _SHIMMED_VERSION and int(np.__version__.split(".")[0]) >= 2:
        for name in _MODULES_WITH_OLD_NUMPY_CALLS:
            _bind_old_numpy(importlib.import_module(name))
    return nengo_loihi


class _OldNumpy(ModuleType):
    """NumPy, except for the two functions whose meaning changed in NumPy 2."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    @staticmethod
    def array(values: Any, *args: Any, copy: bool | None = True, **kwargs: Any) -> Any:
        """``numpy.array`` where ``copy=False`` means "only if needed"."""
        return np.array(values, *args, copy=copy or None, **kwargs)

    @staticmethod
    def fromstring(data: Any, dtype: Any = float, count: int = -1, *, sep: str = "") -> Any:
        """``numpy.fromstring`` with its binary mode, ``sep=""``."""
        if sep:
            return np.fromstring(data, dtype=dtype, count=count, sep=sep)
        return np.frombuffer(data, dtype=dtype, count=count).copy()


def _bind_old_numpy(module: ModuleType) -> None:
    if module.__dict__["np"] is np:
        setattr(module, "np", _OldNumpy("numpy"))  # noqa: B010  (mypy: a ModuleType has no attribute "np")


@contextmanager
def _hidden(names: tuple[str, ...]) -> Iterator[None]:
    """Make ``import name`` fail for packages that are not imported yet, and forget about it afterwards."""
    absent = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]  # None stands for "no such module"
    try:
        yield
    finally:
        for name in absent:
            if sys.modules.get(name) is None:
                sys.modules.pop(name, None)
