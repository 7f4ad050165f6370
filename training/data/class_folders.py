"""ClassFolders: files in a folder for each class, ``class/name.ext``, in a folder or a zip file."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from ...converter.ops import Array
from ...errors import DataError

__all__ = ["ClassFolders"]


class ClassFolders:
    """The files of a data set, sorted by class and name; nothing is unpacked, and a file is read when it is asked for.

    Parameters
    ----------
    path
        A folder, or a zip file.
    suffixes
        Of the files to take, in small letters: (".jpg", ".jpeg").
    part
        The folder in which the classes lie, such as "train", wherever it is in the path of a file; "" where there is
        none.

    Attributes
    ----------
    names
        The path of each file within the data set.
    classes
        The names of the folders, in the order of their numbers; those that are numbers themselves by value.
    labels
        ``(files,)`` int64.

    Raises
    ------
    DataError
        For what is neither, or holds no such file.
    """

    def __init__(self, path: str | Path, suffixes: Sequence[str], part: str = "") -> None:
        self.path = Path(path)
        self._archive: tuple[int, zipfile.ZipFile] | None = None
        found = [name for name in self._listed() if _belongs(PurePosixPath(name), suffixes, part)]
        if not found:
            inside = f" inside {part}/" if part else ""
            raise DataError(f"{self.path}: expected files class/name{suffixes[0]}{inside}, found none")
        self.classes = sorted({PurePosixPath(name).parent.name for name in found}, key=_order)
        number = {name: place for place, name in enumerate(self.classes)}
        self.names = sorted(found, key=lambda name: (number[PurePosixPath(name).parent.name], name))
        self.labels: Array = np.array([number[PurePosixPath(name).parent.name] for name in self.names], np.int64)

    def __len__(self) -> int:
        """Return the number of files."""
        return len(self.names)

    def where(self, place: int) -> str:
        """Return the name of a file for messages."""
        return f"{self.path}: {self.names[place]}"

    def file(self, place: int) -> Path:
        """Return a file of its own.

        Raises
        ------
        DataError
            Inside a zip file.
        """
        if not self.path.is_dir():
            raise DataError(f"{self.where(place)}: expected a file of its own, received one in a zip file: unpack it")
        return self.path / self.names[place]

    def read(self, place: int, most_bytes: int) -> bytes:
        """Return the bytes of a file.

        Raises
        ------
        DataError
            For a file that is damaged or larger than ``most_bytes``.
        """
        try:
            if self.path.is_dir():
                with (self.path / self.names[place]).open("rb") as file:
                    data = file.read(most_bytes + 1)
            else:
                with self._zip().open(self.names[place]) as member:
                    data = member.read(most_bytes + 1)
        except Exception as error:  # for damage, zipfile and its codecs raise a dozen types; only they run in here
            raise DataError(
                f"{self.where(place)}: expected a sound file, received one that cannot be read: {error}"
            ) from None
        if len(data) > most_bytes:
            raise DataError(f"{self.where(place)}: expected at most {most_bytes:,} bytes, received more")
        return data

    def _listed(self) -> list[str]:
        if self.path.is_dir():
            return [found.relative_to(self.path).as_posix() for found in self.path.rglob("*.*")]
        if not self.path.exists():
            raise DataError(f"{self.path}: expected a folder or a zip file, found nothing of this name")
        return self._zip().namelist()

    def _zip(self) -> zipfile.ZipFile:
        """Return the archive, opened once in each process: in an open file they would move each other's place."""
        if self._archive is None or self._archive[0] != os.getpid():
            try:
                self._archive = os.getpid(), zipfile.ZipFile(self.path)
            except Exception as error:
                raise DataError(f"{self.path}: expected a folder or a zip file, received another: {error}") from None
        return self._archive[1]

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process gets: all but the open file."""
        return {**vars(self), "_archive": None}


def _belongs(name: PurePosixPath, suffixes: Sequence[str], part: str) -> bool:
    parents = name.parts[:-1]
    inside = part in parents[:-1] if part else bool(parents)
    return name.suffix.lower() in suffixes and inside


def _order(name: str) -> tuple[int, str]:
    return (int(name) if name.isascii() and name.isdigit() and len(name) < 10 else 0, name)
