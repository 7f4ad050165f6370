"""The process that a file is tried out in: a script that knows h5py and nothing of spikeport.

It takes a line of JSON, ``{"path": …, "member": …, "seconds": …}``, reads everything in that file (or in that member of
a zip) and answers with a line, so that whoever asked learns whether the HDF5 library gets to the end of it. Where there
are alarms, it ends itself when the time is over, in case that nobody is left to end it.
"""

from __future__ import annotations

import io
import json
import signal
import sys
import zipfile

import h5py


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
        with h5py.File(path, "r") as file:
            _read_all(file)
    else:
        with zipfile.ZipFile(path) as archive:
            data = io.BytesIO(archive.read(member))
        with h5py.File(data, "r") as file:
            _read_all(file)


def _set_alarm(seconds: float) -> None:
    """Let the system end this process after so many seconds: an alarm's default, which no loop in C can hold up."""
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds)


def main() -> None:
    """Say that it is ready, then answer requests until there are no more."""
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        request = json.loads(line)
        _set_alarm(request["seconds"] + 1)
        try:
            _try_out(request["path"], request["member"])
        except Exception as error:  # what is wrong is told by the reader itself; here it only has to come to an end
            sys.stdout.write(f"ended with {type(error).__name__}\n")
        else:
            sys.stdout.write("read\n")
        _set_alarm(0)
        sys.stdout.flush()


if __name__ == "__main__":
    main()
