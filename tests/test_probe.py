"""Files are tried out in a process of their own: one that never ends, or kills, costs an error and no more."""

from __future__ import annotations

import os
import signal
import sys

import pytest

import small_files
import spikeport
from spikeport.converter.sources import probe
from spikeport.converter.sources.read import read_model

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="uses signals")

LOOPS = "import time\nprint('ready', flush=True)\nfor line in __import__('sys').stdin: time.sleep(60)\n"
DIES = "import os\nprint('ready', flush=True)\nfor line in __import__('sys').stdin: os.abort()\n"


@pytest.fixture
def helper_like(monkeypatch, tmp_path):
    """Let the helper be another script."""

    def replace(text):
        script = tmp_path / "probe_worker.py"
        script.write_text(text)
        monkeypatch.setattr(probe, "__file__", str(tmp_path / "probe.py"))
        monkeypatch.setattr(probe, "_PROBER", prober := probe._Prober())
        monkeypatch.setattr(probe, "_SECONDS", 0.3)
        started.append(prober)

    started: list[probe._Prober] = []
    yield replace
    for prober in started:
        prober.stop()


@pytest.mark.parametrize("text", [LOOPS, DIES], ids=["loops", "dies"])
def test_a_file_that_the_library_does_not_get_through_is_refused_again_and_again(text, helper_like, tmp_path):
    path = small_files.write_h5(tmp_path / "model.h5")
    helper_like(text)
    for _ in range(2):
        with pytest.raises(spikeport.SourceError, match="never gets through"):
            read_model(path)


def test_a_helper_that_does_not_start_leaves_the_reader_as_it_is(helper_like, tmp_path):
    helper_like("import sys\nsys.exit(3)\n")
    assert read_model(small_files.write_h5(tmp_path / "model.h5")).calls


def test_the_helper_is_asked_again_after_its_death(tmp_path):
    path = small_files.write_keras(tmp_path / "model.keras")
    assert read_model(path).calls
    helper = probe._PROBER._helper
    assert helper is not None
    os.kill(helper._process.pid, signal.SIGKILL)
    helper._process.wait()
    assert read_model(path).calls
