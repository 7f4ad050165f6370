"""Real models and data sets, made by other people and kept outside the project: where they lie, and how they are read.

`SPIKEPORT_MODELS` and `SPIKEPORT_DATA` name the folders; by default they are ``../shared/models`` and
``../shared/data``, seen from the repository. Where a folder is absent, the tests that need it are skipped, with the
reason.
"""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]

# What a file holds that no model can be made of: weights only, layers without a handler, or no model at all.
UNCONVERTIBLE = ("01", "24", "58", "65", "67", "69", "88", "89")


def folder(variable: str, default: str) -> Path:
    """The folder that a variable of the environment names, or else the default beside the repository."""
    return Path(os.environ.get(variable) or ROOT.parent / "shared" / default)


def needed_folder(variable: str, default: str) -> Path:
    """The same; skips the test where it is absent."""
    place = folder(variable, default)
    if not place.is_dir():
        pytest.skip(f"needs the folder {place} (set {variable} to another)")
    return place


def model_path(number: str) -> Path:
    """The model file whose name begins with a number."""
    place = needed_folder("SPIKEPORT_MODELS", "models")
    found = sorted(p for p in place.glob(f"{number}_*") if p.suffix in (".h5", ".hdf5", ".keras"))
    if not found:
        pytest.skip(f"needs a model file {number}_* in {place}")
    return found[0]


def model_numbers() -> list[str]:
    """The numbers of all model files that are here; none where the folder is absent."""
    place = folder("SPIKEPORT_MODELS", "models")
    return sorted(p.name.split("_")[0] for p in place.glob("*_*") if p.suffix in (".h5", ".hdf5", ".keras"))


def data_file(name: str) -> Path:
    """A file of the data folder."""
    path = needed_folder("SPIKEPORT_DATA", "data") / name
    if not path.is_file():
        pytest.skip(f"needs the data file {path}")
    return path


def mnist(part: str) -> tuple[np.ndarray, np.ndarray]:
    """MNIST's images ``(n, 28, 28, 1)`` from 0 to 1 and its labels; ``part`` is "train" or "t10k"."""
    images = _idx(data_file(f"mnist/{part}-images-idx3-ubyte.gz"))
    labels = _idx(data_file(f"mnist/{part}-labels-idx1-ubyte.gz"))
    return images[..., None].astype(np.float32) / np.float32(255), labels


def _idx(path: Path) -> np.ndarray:
    """An array in the idx format: two zeros, a type (8: bytes), the rank, the sizes, the values."""
    raw = gzip.decompress(path.read_bytes())
    assert raw[:3] == b"\0\0\x08"
    rank = raw[3]
    shape = np.frombuffer(raw, ">u4", rank, 4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(shape)


def cifar10(part: str) -> tuple[np.ndarray, np.ndarray]:
    """CIFAR-10 images ``(n, 32, 32, 3)`` from 0 to 255 and labels; ``part`` is "test_1000" or "train_first4000"."""
    with np.load(data_file(f"cifar10/cifar10_lossless_{part}.npz")) as file:
        return file["x"].astype(np.float32), file["y"].reshape(-1).astype(np.int64)


def fashion_mnist(part: str) -> tuple[np.ndarray, np.ndarray]:
    """Fashion-MNIST images ``(n, 28, 28, 1)`` from 0 to 1 and labels; ``part`` is "csv" or "sprite"."""
    with np.load(data_file("fashion_mnist/fashion_mnist_part.npz")) as file:
        return file[f"x_{part}"][..., None].astype(np.float32) / np.float32(255), file[f"y_{part}"]


def wake_words() -> tuple[np.ndarray, np.ndarray]:
    """The feature maps ``(45, 30, 1, 40)`` and labels of the streaming wake word model."""
    with np.load(data_file("kws_stream/calibration_samples.npz")) as file:
        return file["specs"].astype(np.float32), file["labels"].astype(np.int64)


def cifar10_mean_image() -> np.ndarray:
    """The mean training image ``(32, 32, 3)``, which one of the models takes off its input."""
    return np.load(data_file("cifar10/train_mean_image_from_jpg.npy"))
