"""read_idx: arrays in the idx format of MNIST."""

from __future__ import annotations

import gzip
import math
from pathlib import Path

import numpy as np

from ...converter.ops import Array
from ...errors import DataError

__all__ = ["read_idx"]

# code of the type → NumPy's, most significant byte first: http://yann.lecun.com/exdb/mnist, "the IDX file format"
_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
_MOST_VALUES = 2**30


def read_idx(path: str | Path) -> Array:
    """Return the array in an idx file, packed with gzip or not.

    Raises
    ------
    DataError
        For a file that is missing, no idx file, or shorter or longer than it says.
    """
    path = Path(path)
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
            head = file.read(4)
            if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in _TYPES:
                raise DataError(
                    f"{path}: expected an idx file, received one that begins with {head.hex(' ') or 'nothing'}"
                )
            shape = tuple(int(n) for n in np.frombuffer(file.read(4 * head[3]), ">u4"))
            if len(shape) != head[3] or math.prod(shape) > _MOST_VALUES:
                raise DataError(f"{path}: expected an idx file of at most {_MOST_VALUES:,} values, claims {shape}")
            kind = np.dtype(_TYPES[head[2]])
            size = math.prod(shape) * kind.itemsize
            raw = file.read(size + 1)
    except FileNotFoundError:
        raise DataError(f"{path}: expected an idx file, found no file of this name") from None
    except (OSError, EOFError) as error:  # damage that gzip finds
        raise DataError(f"{path}: expected an idx file, received one that cannot be read: {error}") from None
    if len(raw) != size:
        raise DataError(f"{path}: expected {size:,} bytes of values for {shape}, received {len(raw):,}")
    return np.frombuffer(raw, kind).reshape(shape).astype(kind.newbyteorder("="))
