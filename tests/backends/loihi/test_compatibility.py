"""Importing nengo-loihi: works on this NumPy, is idempotent, leaves TensorFlow out, hides one warning."""

import subprocess
import sys
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest

from spikeport.backends.loihi import compatibility
from spikeport.backends.loihi.compatibility import import_nengo_loihi

# find_spec, since pytest.importorskip would import it unshimmed, with TensorFlow.
needs_nengo_loihi = pytest.mark.skipif(find_spec("nengo_loihi") is None, reason="nengo-loihi is not installed")
# Nengo 4.1 reads numpy.core when it is imported; that is nothing of ours.
pytestmark = pytest.mark.filterwarnings("ignore:numpy.core is deprecated:DeprecationWarning")


def test_says_how_to_install_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nengo_loihi", None)
    with pytest.raises(ImportError, match=r"^nengo-loihi is not installed: pip install 'spikeport\[loihi\]'$"):
        import_nengo_loihi()


def test_passes_on_an_import_error_that_is_not_about_nengo_loihi(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        raise ModuleNotFoundError("No module named 'scipy'", name="scipy")

    monkeypatch.setattr(compatibility.importlib, "import_module", broken)
    with pytest.raises(ModuleNotFoundError, match="scipy"):
        import_nengo_loihi()


@needs_nengo_loihi
def test_a_fresh_import_leaves_tensorflow_out_and_warns_of_nothing() -> None:
    program = """
import sys, warnings
from spikeport.backends.loihi.compatibility import import_nengo_loihi
assert "nengo" not in sys.modules
with warnings.catch_warnings():
    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", "numpy.core is deprecated", DeprecationWarning)
    nengo_loihi = import_nengo_loihi()
assert "tensorflow" not in sys.modules and "nengo_dl" not in sys.modules  # neither loaded nor left as None
assert not nengo_loihi.compat.HAS_TF
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


@needs_nengo_loihi
def test_keeps_a_package_that_is_imported_already(monkeypatch: pytest.MonkeyPatch) -> None:
    imported = SimpleNamespace()
    monkeypatch.setitem(sys.modules, "tensorflow", imported)
    import_nengo_loihi()
    assert sys.modules["tensorflow"] is imported


@needs_nengo_loihi
def test_twice_changes_nothing() -> None:
    names = ("block", "neurons", "dvs", "conv", "config")
    first = [getattr(import_nengo_loihi(), name).np for name in names if hasattr(import_nengo_loihi(), name)]
    second = [getattr(import_nengo_loihi(), name).np for name in names if hasattr(import_nengo_loihi(), name)]
    assert [id(module) for module in first] == [id(module) for module in second]
    assert np.array is sys.modules["numpy"].array  # NumPy itself is untouched


@needs_nengo_loihi
# NumPy 1, which is left as it is, warns of its own binary mode.
@pytest.mark.filterwarnings("ignore:The binary mode of fromstring is deprecated:DeprecationWarning")
def test_the_calls_that_numpy_2_broke_work() -> None:
    nengo_loihi = import_nengo_loihi()
    synapse = nengo_loihi.block.Synapse(3)
    synapse.set_weights(np.arange(6.0).reshape(3, 2).tolist())  # a list: copy=False cannot be honoured
    assert synapse.max_abs_weight() == 5
    numpy = nengo_loihi.dvs.np
    assert numpy.fromstring(b"\x01\x02", np.uint8).tolist() == [1, 2]
    assert numpy.fromstring("1 2", dtype=int, sep=" ").tolist() == [1, 2]
    same = np.zeros(2)
    assert numpy.array(same, copy=False) is same
    assert numpy.array(same) is not same
