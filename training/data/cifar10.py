"""CIFAR-10: its images as JPEG files, decoded with Pillow, and the binary batches of its authors."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ...converter.ops import Array
from ...errors import DataError, UsageError
from .class_folders import ClassFolders
from .shuffled_batches import ShuffledBatches

__all__ = ["CIFAR10_CLASSES", "Cifar10Images", "read_cifar10_binary", "read_cifar10_jpeg"]

# https://www.cs.toronto.edu/~kriz/cifar.html, in the order of the labels; and the layout of the binary batches
CIFAR10_CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
_SHAPE = (32, 32, 3)
_RECORD = 1 + 32 * 32 * 3
_MOST_BYTES = 2**16  # of a JPEG file of 32 × 32 pixels; those of the data set have about a thousand


class Cifar10Images(ShuffledBatches):
    """Batches of images ``(batch, 32, 32, 3)`` with their labels, decoded when they are asked for, for ``model.fit``.

    Parameters
    ----------
    path
        A folder or a zip file with ``train/airplane/….jpg``, ``test/truck/….jpg`` and so on.
    part
        "train" or "test".
    prepare
        What is done with the images, uint8 ``(batch, 32, 32, 3)``, before a model gets them; by default they become
        float32 from 0 to 1.
    batch_size, seed, options
        As for `ShuffledBatches`.

    Raises
    ------
    UsageError
        Where Pillow is missing.
    DataError
        For files that are missing or damaged, or are no such images.
    """

    def __init__(
        self,
        path: str | Path,
        part: str = "train",
        *,
        prepare: Callable[[Array], Array] | None = None,
        batch_size: int = 128,
        seed: int | None = None,
        **options: Any,
    ) -> None:
        _require_pillow()
        self.files = _files(path, part)
        self.labels = self.files.labels
        self._prepare = _from_0_to_1 if prepare is None else prepare
        super().__init__(self.labels, batch_size, seed, **options)

    def read(self, places: Array) -> tuple[Array, Array]:
        """Return the images and labels at these places."""
        images = np.empty((len(places), *_SHAPE), np.uint8)
        for row, place in enumerate(places):
            images[row] = _decoded(self.files, int(place))
        return self._prepare(images), self.labels[places]


def read_cifar10_jpeg(
    path: str | Path, part: str = "train", *, on_progress: Callable[[int], None] | None = None
) -> tuple[Array, Array]:
    """Return the images ``(n, 32, 32, 3)`` uint8 and labels ``(n,)`` int64 of a part, decoded from JPEG.

    Parameters
    ----------
    path, part
        As for `Cifar10Images`, which takes less memory: the 50,000 images of "train" take 147 MiB.
    on_progress
        Called with the number of images decoded since the last call.

    Raises
    ------
    UsageError
        Where Pillow is missing.
    DataError
        For files that are missing or damaged, or are no such images.
    """
    _require_pillow()
    files = _files(path, part)
    images = np.empty((len(files), *_SHAPE), np.uint8)
    for place in range(len(files)):
        images[place] = _decoded(files, place)
        if on_progress is not None:
            on_progress(1)
    return images, files.labels


def read_cifar10_binary(*paths: str | Path) -> tuple[Array, Array]:
    """Return the images ``(n, 32, 32, 3)`` uint8 and labels ``(n,)`` int64 of binary batches, ``data_batch_1.bin`` ….

    Raises
    ------
    UsageError
        Without a path.
    DataError
        For a file that is missing, or no such batch.
    """
    if not paths:
        raise UsageError("expected the paths of binary batches, received none")
    records = np.concatenate([_records(Path(path)) for path in paths])
    planes = records[:, 1:].reshape(-1, 3, 32, 32)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), records[:, 0].astype(np.int64)


def _records(path: Path) -> Array:
    try:
        raw = np.fromfile(path, np.uint8)
    except FileNotFoundError:
        raise DataError(f"{path}: expected a binary batch of CIFAR-10, found no file of this name") from None
    except OSError as error:
        raise DataError(f"{path}: expected a binary batch of CIFAR-10, received another: {error}") from None
    records = raw.reshape(-1, _RECORD) if raw.size and raw.size % _RECORD == 0 else None
    if records is None or records[:, 0].max() >= len(CIFAR10_CLASSES):
        raise DataError(
            f"{path}: expected a binary batch of CIFAR-10, {_RECORD:,} bytes an image with its label first, "
            f"received {raw.size:,} bytes of others; data_batch_1 without .bin is a pickle, which is not read here"
        )
    return records


def _files(path: str | Path, part: str) -> ClassFolders:
    files = ClassFolders(path, (".jpg", ".jpeg"), part)
    if files.classes != CIFAR10_CLASSES:
        raise DataError(
            f"{path}: expected {part}/ with the folders {', '.join(CIFAR10_CLASSES)}, "
            f"received {', '.join(files.classes[:12])}"
        )
    return files


def _decoded(files: ClassFolders, place: int) -> Array:
    from PIL import Image

    data = files.read(place, _MOST_BYTES)
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:  # reads the head only
            size = image.size
            pixels = np.asarray(image.convert("RGB")) if size == _SHAPE[:2] else None
    except Exception as error:  # damaged files raise what Pillow's decoders happen to meet
        raise DataError(f"{files.where(place)}: expected a JPEG image, received another: {error}") from None
    if pixels is None:
        raise DataError(f"{files.where(place)}: expected 32 × 32 pixels, received {size[0]:,} × {size[1]:,}")
    return pixels


def _from_0_to_1(images: Array) -> Array:
    return images.astype(np.float32) / np.float32(255)


def _require_pillow() -> None:
    try:
        import PIL  # noqa: F401
    except ImportError:
        raise UsageError("JPEG images are decoded with Pillow: pip install 'spikeport[data]'") from None
