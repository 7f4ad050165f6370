"""The process that a file is tried out in: a script that knows h5py and nothing of spikeport.

It takes a line of JSON, ``{"path": …, "member": …, "seconds": …}``, and reads everything in that file, or in that
member of a zip. It answers with a line, so that whoever asked learns whether the HDF5 library gets to the end of it.
Where the system has them, alarms end it when the time is over, in case that nobody is left to end it, and its memory is
limited: a damaged length can make the library ask for gigabytes.
"""

from __future__ import annotations

import io
import json
import os
import signal
import sys
import zipfile
from types import ModuleType

import h5py

resource: ModuleType | None
try:
    import resource
except ImportError:  # Windows
    resource = None
if not os.path.exists("/proc/self/statm"):
    resource = None

_SPARE_BYTES = 256 * 2**20


def _read_all(file: h5py.File) -> None:
    """Touch every attribute and every compressed piece of an open file."""

    def visit(name: str, item: h5py.Group | h5py.Dataset) -> None:
        for attribute in item.attrs:
            item.attrs[attribute]
        if isinstance(item, h5py.Dataset) and item.chunks and item.dtype.kind in "fiub":
            for piece in item.iter_chunks() if item.id.get_storage_size() else ():
                item[piece]

    for attribute in file.attrs:
        file.attrs[attribute]
    file.visititems(visit)


def _try_out(path: str, member: str | None) -> None:
    if member is None:
        _limit_memory(os.path.getsize(path))
        with h5py.File(path, "r") as file:
            _read_all(file)
    else:
        with zipfile.ZipFile(path) as archive:
            _limit_memory(archive.getinfo(member).file_size)
            data = io.BytesIO(archive.read(member))
        with h5py.File(data, "r") as file:
            _read_all(file)


def _set_alarm(seconds: float) -> None:
    """Let the system end this process after so many seconds: an alarm's default, which no loop in C can hold up."""
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _limit_memory(size: int) -> None:
    """Let no more be taken than a file of this size and its pieces need."""
    if resource is not None:
        with open("/proc/self/statm") as file:
            mapped = int(file.read().split()[0]) * resource.getpagesize()
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (mapped + 3 * size + _SPARE_BYTES, hard))


def main() -> None:
    """Say that it is ready, then answer requests until there are no more."""
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        request = json.loads(line)
        _set_alarm(request["seconds"] + 1)
        try:
            _try_out(request["path"], request["member"])
        except (MemoryError, OSError, RuntimeError) as error:  # what h5py raises for damage
            answer = f"{type(error).__name__}: {error}".encode("unicode_escape").decode()
        except Exception:  # the reader tells what else is wrong
            answer = ""
        else:
            answer = ""
        _set_alarm(0)
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
