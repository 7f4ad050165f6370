"""CIFAR-10 from JPEG files and binary batches: real files, damaged ones, and a model fitted batch by batch."""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from real_material import cifar10, data_file
from spikeport.errors import DataError, UsageError
from spikeport.training.data import CIFAR10_CLASSES, Cifar10Images, read_cifar10_binary, read_cifar10_jpeg

EACH = 3


def jpeg(value: int, size: tuple[int, int] = (32, 32), mode: str = "RGB", **options) -> bytes:
    image = pytest.importorskip("PIL.Image", reason="needs Pillow").new(mode, size, value * 25 if mode == "L" else None)
    if mode == "RGB":
        image.paste((value * 25, 255 - value * 25, 10), (0, 0, *size))
    file = io.BytesIO()
    image.save(file, **{"format": "JPEG", "quality": 95, **options})
    return file.getvalue()


def members() -> dict[str, bytes]:
    """The layout of the real zip file: train/airplane/0000.jpg …"""
    return {
        f"{part}/{name}/{i:04}.jpg": jpeg(number)
        for part in ("train", "test")
        for number, name in enumerate(CIFAR10_CLASSES)
        for i in range(EACH if part == "train" else 1)
    }


def as_zip(path: Path, content: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return path


def as_folder(path: Path, content: dict[str, bytes]) -> Path:
    for name, data in content.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


@pytest.mark.parametrize("write", [as_zip, as_folder])
def test_images_are_read_from_a_zip_file_and_from_a_folder(write, tmp_path):
    path = write(tmp_path / "cifar10", members() | {"README.txt": b"", "train/airplane/notes.txt": b""})
    done: list[int] = []
    x, y = read_cifar10_jpeg(path, on_progress=done.append)
    assert (x.shape, x.dtype, sum(done)) == ((30, 32, 32, 3), np.uint8, 30)
    assert np.array_equal(y, np.repeat(np.arange(10), EACH))
    assert np.abs(x[:, 0, 0].astype(int) - [[n * 25, 255 - n * 25, 10] for n in y]).max() <= 3
    x_test, y_test = read_cifar10_jpeg(path, "test")
    assert len(x_test) == len(y_test) == 10
    images = Cifar10Images(path, batch_size=8, seed=0)
    assert len(images) == 4
    batches = [images[i] for i in range(4)]
    assert sorted(np.concatenate([labels for _, labels in batches])) == sorted(y)
    assert batches[0][0].dtype == np.float32
    assert 0 <= batches[0][0].min() < batches[0][0].max() <= 1
    raw = Cifar10Images(path, batch_size=30, prepare=lambda images: images)
    assert np.array_equal(raw[0][0], x)


def test_a_model_is_fitted_to_a_zip_file_by_several_workers(tmp_path):
    path = as_zip(tmp_path / "cifar10.zip", members())
    images = Cifar10Images(path, batch_size=10, seed=0, workers=2)
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(10)])
    model.compile(keras.optimizers.Adam(0.3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    losses = model.fit(images, epochs=10, verbose=0).history["loss"]
    assert losses[-1] < 0.7 * losses[0]


def damaged_zip(path: Path) -> Path:
    raw = bytearray(as_zip(path, members()).read_bytes())
    raw[40:200] = bytes(160)  # inside the first member
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (lambda: b"", "expected a JPEG image"),
        (lambda: b"<html>" * 30, "expected a JPEG image"),
        (lambda: jpeg(1)[:300], "expected a JPEG image"),
        (lambda: jpeg(1, format="PNG", quality=None), "expected a JPEG image"),
        (lambda: jpeg(1, (64, 32)), "expected 32 × 32 pixels, received 64 × 32"),
        (lambda: jpeg(1, (60_000, 8)), "received 60,000 × 8"),
        (lambda: b"\0" * (50 * 2**20), "at most 65,536 bytes"),
    ],
)
@pytest.mark.parametrize("write", [as_zip, as_folder])
def test_what_is_no_such_image_is_named(write, bad, message, tmp_path, little_memory):
    path = write(tmp_path / "cifar10", members() | {"train/cat/0001.jpg": bad()})
    with pytest.raises(DataError, match=message) as refusal:
        read_cifar10_jpeg(path)
    assert "train/cat/0001.jpg" in str(refusal.value)


def test_grey_images_become_three_channels(tmp_path):
    path = as_zip(tmp_path / "x.zip", members() | {"test/cat/0000.jpg": jpeg(4, mode="L")})
    x, y = read_cifar10_jpeg(path, "test")
    assert x[y == 3].max() - x[y == 3].min() <= 2


def test_damaged_archives_and_other_layouts_are_refused(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_cifar10_jpeg(damaged_zip(tmp_path / "damaged.zip"))
    (tmp_path / "text.zip").write_text("no zip")
    with pytest.raises(DataError, match="a folder or a zip file, received another"):
        read_cifar10_jpeg(tmp_path / "text.zip")
    with pytest.raises(DataError, match="found nothing of this name"):
        Cifar10Images(tmp_path / "nothing.zip")
    some = {name: data for name, data in members().items() if "/cat/" not in name}
    with pytest.raises(DataError, match="with the folders airplane"):
        read_cifar10_jpeg(as_zip(tmp_path / "some.zip", some))
    with pytest.raises(DataError, match="inside validation/, found none"):
        read_cifar10_jpeg(tmp_path / "some.zip", "validation")


def test_without_pillow_one_sentence_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    for read in (read_cifar10_jpeg, Cifar10Images):
        with pytest.raises(UsageError, match=r"pip install 'spikeport\[data\]'"):
            read(tmp_path)


def test_binary_batches(tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (7, 32, 32, 3), np.uint8), rng.integers(0, 10, 7)
    records = np.hstack([y[:, None].astype(np.uint8), x.transpose(0, 3, 1, 2).reshape(7, -1)])
    (tmp_path / "data_batch_1.bin").write_bytes(records[:4].tobytes())
    (tmp_path / "data_batch_2.bin").write_bytes(records[4:].tobytes())
    images, labels = read_cifar10_binary(tmp_path / "data_batch_1.bin", tmp_path / "data_batch_2.bin")
    assert np.array_equal(images, x)
    assert np.array_equal(labels, y)
    for content in (b"", records.tobytes()[:-1], b"\x0a" + records.tobytes()[1:]):
        (tmp_path / "bad.bin").write_bytes(content)
        with pytest.raises(DataError, match="3,073 bytes an image"):
            read_cifar10_binary(tmp_path / "bad.bin")
    with pytest.raises(DataError, match="no file"):
        read_cifar10_binary(tmp_path / "none.bin")
    with pytest.raises(UsageError, match="received none"):
        read_cifar10_binary()


def test_the_real_archive_holds_the_images_of_the_lossless_set():
    """JPEG changes pixels by a few grey levels; each lossless test image is near one of its class."""
    pytest.importorskip("PIL", reason="needs Pillow")
    images = Cifar10Images(data_file("cifar10/cifar10_jpg.zip"), "test", batch_size=1000, prepare=lambda x: x)
    assert np.array_equal(np.bincount(images.labels), [1000] * 10)
    planes, labels = images[0]
    assert set(labels) == {0}
    exact, of_class = cifar10("test_1000")
    exact = exact[of_class == 0][:5]
    small = planes[:, ::4, ::4].reshape(len(planes), -1).astype(float)
    for image in exact:
        nearest = np.abs(small - image[::4, ::4].reshape(-1)).mean(axis=1).argmin()
        assert np.abs(planes[nearest] - image).mean() < 12
