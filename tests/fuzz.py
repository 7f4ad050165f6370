"""Fuzz the readers: ``python tests/fuzz.py --cases 100000``.

Each case spoils a small model's file in one of four ways (bytes, HDF5 structure, members of the zip, values in the
config) and checks it. A case fails if anything but one of spikeport's own errors comes out, if it takes more than 5
seconds, or if the process dies. Memory beyond 1 GiB over the start is refused by the operating system, and so comes out
as an error that is not ours. Cases are numbered: ``--first N --cases 1`` repeats one.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import copy
import io
import json
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import warnings
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np

import small_files
import spikeport

SECONDS = 5
MEMORY = 2**30
BLOCK = 2000  # cases in one process, so that a death costs no more than these

STRANGE: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        2**31,
        2**63,
        10**30,
        0.5,
        float("nan"),
        float("inf"),
        "",
        "relu",
        "same",
        "\0",
        "é",
    ),
    *(
        [],
        {},
        [None],
        [0, 0],
        [[]],
        [2, 2],
        {"class_name": "Dense"},
        {"class_name": "__keras_tensor__"},
        "../x",
        "a" * 999,
    ),
)
TYPES = sorted({entry.layer_type for entry in spikeport.LAYERS} - {"ops.*"})


def config(rng: random.Random) -> dict[str, Any]:
    """Return the config of the small model, or of one with a random layer in its middle, or of a graph."""
    kind = rng.randrange(3)
    if kind == 0:
        return small_files.small_config()
    if kind == 1:
        middle = small_files.layer(rng.choice(TYPES), "middle", units=3, filters=3, kernel_size=[2, 2], axis=-1)
        first, *rest = small_files.small_config()["config"]["layers"]
        return small_files.sequential(first, middle, *rest)
    entry, conv, pool, flat, dense = small_files.small_config()["config"]["layers"]
    layers = {
        "image": (entry, []),
        "conv": (conv, ["image"]),
        "pool": (pool, ["conv"]),
        "both": (small_files.layer(rng.choice(["Add", "Concatenate", "Dot", "Maximum"]), "both"), ["pool", "pool"]),
        "flat": (flat, ["both"]),
        "scores": (dense, ["flat"]),
    }
    return small_files.functional(layers, ["scores"])


def spoiled_values(value: Any, rng: random.Random) -> Any:
    """Return a config with one to three values, keys or list lengths changed."""
    value = copy.deepcopy(value)
    for _ in range(rng.randint(1, 3)):
        places = list(inner_places(value))
        owner, key = rng.choice(places)
        how = rng.randrange(4)
        if how == 0:
            owner[key] = copy.deepcopy(rng.choice(STRANGE))
        elif how == 1:
            del owner[key]
        elif how == 2:
            source, other = rng.choice(places)
            if (isinstance(source, dict) and other in source) or (isinstance(source, list) and other < len(source)):
                owner[key] = copy.deepcopy(source[other])
        elif isinstance(owner, list):
            owner.insert(key, copy.deepcopy(rng.choice(STRANGE)))
        else:
            owner[rng.choice(["axis", "groups", "layers", "name", "config", "x"])] = copy.deepcopy(rng.choice(STRANGE))
        if not list(inner_places(value)):
            break
    return value


def inner_places(value: Any) -> Any:
    """Yield (container, key) of everything inside a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in list(items):
        yield value, key
        yield from inner_places(item)


def spoiled_bytes(data: bytes, rng: random.Random) -> bytes:
    """Return bytes with some flipped, replaced, cut out, doubled or cut off."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        place, length = rng.randrange(len(changed)), rng.randint(1, 16)
        how = rng.randrange(6)
        if how == 0:
            changed[place] ^= 1 << rng.randrange(8)
        elif how == 1:
            changed[place : place + length] = rng.randbytes(length)
        elif how == 2:
            changed[place : place + length] = b"\xff" * length
        elif how == 3:
            changed[place : place + length] = b"\0" * length
        elif how == 4:
            changed[place:place] = changed[place : place + length]
        elif rng.random() < 0.2:
            del changed[max(place, 1) :]
        else:
            del changed[place : place + length]
        if not changed:
            return b""
    return bytes(changed)


def spoil_hdf5(path: Path, rng: random.Random) -> None:
    """Change the structure of an HDF5 file: links, datasets, attributes."""
    with h5py.File(path, "r+") as file:
        names: list[str] = []
        file.visit(names.append)
        for _ in range(rng.randint(1, 3)):
            name = rng.choice(names)
            how = rng.randrange(8)
            if how == 7:
                owner = file[name]
                attribute = rng.choice(["weight_names", "layer_names", "model_config", "keras_version", "backend"])
                owner.attrs[attribute] = rng.choice([b"x", 3, np.arange(4), np.array([b"kernel:0", b"../x"]), "2.4.0"])
                continue
            if how < 6:
                del file[name]
            if how == 0:
                file[name] = h5py.SoftLink("/" + rng.choice(names))
            elif how == 1:
                file[name] = h5py.ExternalLink("other.h5", "/x")
            elif how == 2:
                file.create_group(name)
            elif how == 3:
                shape = tuple(rng.choice([0, 1, 3, 4, 7]) for _ in range(rng.randint(0, 5)))
                file.create_dataset(name, data=np.full(shape, rng.choice([0.0, 1e30, np.nan, -1.0]), np.float32))
            elif how == 4:
                file.create_dataset(name, (10 ** rng.randint(3, 6), 10 ** rng.randint(3, 6)), "f4", chunks=(64, 64))


def make(path: Path, rng: random.Random) -> Path:
    """Write the spoiled file of a case."""
    of_zip = rng.random() < 0.5
    version = rng.choice(["3.8.0", "2.4.0", "2.1.3", "1.2.2", ""])
    way = rng.randrange(4)
    made = config(rng)
    given = spoiled_values(made, rng) if way == 0 else made
    target = path.with_suffix(".keras" if of_zip else ".h5")
    if of_zip:
        small_files.write_keras(target, json.dumps(given))
    else:
        small_files.write_h5(target, json.dumps(given), version=version)
    if way == 1:
        target.write_bytes(spoiled_bytes(target.read_bytes(), rng))
    elif way == 2 and not of_zip:
        with contextlib.suppress(RuntimeError, KeyError, ValueError, OSError):  # already spoiled beyond HDF5's reach
            spoil_hdf5(target, rng)
    elif way >= 2 and of_zip:
        members = {name: data for name, data in read_members(target).items() if rng.random() < 0.95}
        name = rng.choice(list(members) or ["x"])
        members[name] = spoiled_bytes(members.get(name, b"x"), rng)
        with zipfile.ZipFile(target, "w", rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])) as archive:
            for member, data in members.items():
                archive.writestr(member, data)
    elif way == 3:
        target.write_bytes(spoiled_bytes(target.read_bytes()[: rng.randrange(1, 4096)], rng) or b"x")
    return target


def read_members(path: Path) -> dict[str, bytes]:
    """Return the members of a zip."""
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def outcome(path: Path) -> str:
    """Check a file, and convert it if it can be; return what came out."""
    _, graph = spikeport.check(path)
    if graph is None:
        return "not convertible"
    sizes = sum(int(np.prod(node.shape)) for node in graph.nodes.values())
    if sizes > 10**6:
        return "a model too large to try"
    spikeport.convert(path)
    return "a model"


class OverdueError(BaseException):
    """A case that takes too long: no Exception, lest a reader takes it for damage in the file."""


def overdue(number: int, frame: Any) -> None:
    """Stop a case that takes too long."""
    raise OverdueError(f"more than {SECONDS} s")


def run_block(first: int, cases: int) -> int:
    """Run cases in this process, printing the outcomes as JSON; the number of failures."""
    warnings.simplefilter("ignore")
    start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    signal.signal(signal.SIGALRM, overdue)
    spikeport.convert(small_files.write_h5(Path(tempfile.mkdtemp()) / "first.h5"))  # imports what is imported late
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + MEMORY, mapped + MEMORY))
    counts: collections.Counter[str] = collections.Counter()
    failures = 0
    slowest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for number in range(first, first + cases):
            print(f"case {number}", file=sys.stderr, flush=True)
            path = make(Path(folder) / "model", random.Random(number))
            began = time.perf_counter()
            signal.alarm(SECONDS)
            try:
                counts[outcome(path)] += 1
            except spikeport.SpikeportError as error:
                counts[type(error).__name__] += 1
            except BaseException as error:  # whatever it is, it is not ours
                failures += 1
                print(f"FAILED case {number}: {type(error).__name__}: {error}", flush=True)
            finally:
                signal.alarm(0)
            slowest = max(slowest, time.perf_counter() - began)
            path.unlink()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - start
    if grown > MEMORY:
        failures += 1
        print(f"FAILED: memory grew by {grown / 2**20:.0f} MiB in the cases from {first} on", flush=True)
    print(json.dumps({"counts": counts, "slowest": slowest, "grown": grown}), flush=True)
    return failures


def main() -> int:
    """Run blocks of cases, each in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--here", action="store_true", help="run in this process")
    options = parser.parse_args()
    if options.here:
        return 1 if run_block(options.first, options.cases) else 0
    counts: collections.Counter[str] = collections.Counter()
    slowest, grown, failures = 0.0, 0, 0
    for first in range(options.first, options.first + options.cases, BLOCK):
        cases = min(BLOCK, options.first + options.cases - first)
        command = [sys.executable, __file__, "--here", "--first", str(first), "--cases", str(cases)]
        done = subprocess.run(command, capture_output=True, encoding="utf-8")
        *told, last = done.stdout.splitlines() or [""]
        for line in told:
            failures += 1
            print(line)
        if last.startswith("{"):
            facts = json.loads(last)
            counts.update(facts["counts"])
            slowest, grown = max(slowest, facts["slowest"]), max(grown, facts["grown"])
        else:
            failures += 1
            at = (done.stderr.strip().splitlines() or ["?"])[-1]
            print(f"FAILED: the process ended with {done.returncode} after {at}; {done.stderr[-500:]}")
    print(
        f"{options.cases} cases, {failures} failures, slowest {slowest:.2f} s, memory grew by {grown / 2**20:.0f} MiB"
    )
    for name, count in counts.most_common():
        print(f"{count:8d}  {name}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
