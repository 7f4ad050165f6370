"""Coverage-guided fuzzing of the readers with atheris: ``python tests/fuzz_guided.py -max_total_time=60``.

atheris is no dependency of the tests: install it where you want to run this. The arguments are libFuzzer's. Inputs
start from the small model's files; the guide sees the branches of ``spikeport.converter``, which is all Python.
"""

from __future__ import annotations

import json
import sys
import tempfile
import warnings
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["spikeport.converter"]):
    import small_files
    import spikeport
    from spikeport.converter.sources import read_model

FOLDER = Path(tempfile.mkdtemp())


def try_bytes(data: bytes) -> None:
    """Read a file with these bytes, and one with these bytes as its config."""
    warnings.simplefilter("ignore")
    if not data:
        return
    path = FOLDER / "model"
    if data[0] % 2:
        path.write_bytes(data[1:])
    else:
        text = data[1:].decode("utf-8", "replace").replace("\0", "")  # HDF5's texts hold no such character
        small_files.write_h5(path, text, version=("3.8.0", "2.4.0", "1.2.2")[data[0] % 3])
    try:
        read_model(path)
        spikeport.check(path)
    except spikeport.SpikeportError:
        pass


def main() -> None:
    """Start from the small model's files."""
    corpus = FOLDER / "corpus"
    corpus.mkdir()
    config = json.dumps(small_files.small_config()).encode()
    (corpus / "config").write_bytes(b"\0" + config)
    for number, write in enumerate((small_files.write_h5, small_files.write_keras)):
        (corpus / str(number)).write_bytes(b"\1" + write(FOLDER / "seed").read_bytes())
    atheris.Setup([*sys.argv, str(corpus)], try_bytes)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
