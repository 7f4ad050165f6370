"""Try a file out in another process first: damaged HDF5 can make the C library loop for ever, or crash.

A Python exception is no defence against either. So each file is read once by a helper process (`probe_worker`), which
can be stopped, before it is read here. The helper is started at the first file and stays for the next ones.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from pathlib import Path

from ...errors import SourceError

__all__ = ["require_readable"]

_SECONDS = 3.0
_BYTES_PER_SECOND = 20 * 2**20  # what a slow disk and decompression manage: large files get more time
_START_SECONDS = 20.0  # for Python and h5py to start, on a busy machine


class _Helper:
    """The helper process and the thread that listens to it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(Path(__file__).with_name("probe_worker.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
        )
        self._owner = os.getpid()
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()
        if self._answer(_START_SECONDS) is None:  # its first line says that it is ready
            self.stop()
            raise OSError("the helper process does not start")

    def _listen(self) -> None:
        for line in self._process.stdout or ():
            self._answers.put(line)
        self._answers.put("")  # it is gone

    def complaint(self, path: Path, member: str | None, seconds: float) -> str | None:
        """Return what the helper says of a file, "" if it is sound, None if it does not get to its end in time."""
        request = json.dumps({"path": str(path.absolute()), "member": member, "seconds": seconds})
        try:
            if self._process.stdin is None:
                return None
            self._process.stdin.write(request + "\n")
            self._process.stdin.flush()
        except OSError:
            return None
        return self._answer(seconds)

    def _answer(self, seconds: float) -> str | None:
        try:
            line = self._answers.get(timeout=seconds)
        except queue.Empty:
            return None
        return line.strip() if line else None

    @property
    def is_fit(self) -> bool:
        """Say whether the process lives and is this process's own: a fork has its parent's helper."""
        return self._owner == os.getpid() and self._process.poll() is None

    def stop(self) -> None:
        """End the process, whatever it is doing; a fork leaves its parent's alone."""
        if self._owner == os.getpid():
            self._process.kill()
            self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                if stream is not None:
                    stream.close()


class _Prober:
    """Keeps one helper, and starts a new one when a file has cost the old one its life."""

    def __init__(self) -> None:
        self._helper: _Helper | None = None
        self._lock = threading.Lock()

    def complaint(self, path: Path, member: str | None, seconds: float) -> str | None:
        with self._lock:
            if self._helper is not None and not self._helper.is_fit:
                self._helper.stop()
                self._helper = None
            if self._helper is None:
                try:
                    self._helper = _Helper()
                except OSError:  # no process can be started here: the file is read without a trial
                    return ""
            complaint = self._helper.complaint(path, member, seconds)
            if complaint is None:
                self._helper.stop()
                self._helper = None
            return complaint

    def stop(self) -> None:
        with self._lock:
            if self._helper is not None:
                self._helper.stop()
                self._helper = None


_PROBER = _Prober()
atexit.register(_PROBER.stop)


def require_readable(path: Path, origin: str, *, member: str | None = None) -> None:
    """Raise unless the HDF5 library gets to the end of a file, or of a member of a zip.

    Raises
    ------
    SourceError
        When reading it does not end, ends the process, takes far more memory than the file is large, or meets damage.
    """
    size = path.stat().st_size
    complaint = _PROBER.complaint(path, member, _SECONDS + size / _BYTES_PER_SECOND)
    if complaint is None:
        raise SourceError(
            f"{origin}: expected a sound HDF5 file, received a damaged one that the HDF5 library never gets through"
        )
    if complaint:
        raise SourceError(f"{origin}: expected a sound HDF5 file, received one that cannot be read: {complaint}")
