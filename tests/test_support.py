"""The support page: every layer type has a word for every backend, found by asking the backends."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from spikeport import BACKENDS, LAYERS
from spikeport.converter.layers.smallest_calls import smallest_call
from spikeport.listings import layers_listing
from spikeport.support import support_of

WORDS = ("neurons", "folded", "host", "left out")
HANDLED = [entry.layer_type for entry in LAYERS if entry.handler is not None]
REFUSED = [entry.layer_type for entry in LAYERS if entry.handler is None]


@pytest.mark.parametrize("layer_type", HANDLED)
def test_every_layer_type_has_a_word_for_every_backend(layer_type):
    support = support_of(layer_type)
    assert list(support) == list(BACKENDS)
    for told in support.values():
        assert told in WORDS or (told.startswith("refused: ") and told != "refused: ")


@pytest.mark.parametrize("layer_type", REFUSED)
def test_what_cannot_be_converted_is_refused_everywhere(layer_type):
    assert set(support_of(layer_type).values()) == {"refused"}


@pytest.mark.parametrize("layer_type", HANDLED)
def test_the_smallest_call_is_one_that_its_handler_takes(layer_type):
    assert LAYERS.lower(smallest_call(layer_type))


@pytest.mark.parametrize(
    ("layer_type", "cpu", "loihi"),
    [
        ("InputLayer", "host", "host"),
        ("Dense", "folded", "folded"),
        ("Conv2D", "folded", "folded"),
        ("AveragePooling2D", "folded", "folded"),
        ("BatchNormalization", "folded", "folded"),
        ("ReLU", "neurons", "neurons"),
        ("LeakyReLU", "neurons", "neurons"),
        ("Dropout", "left out", "left out"),
        ("MaxPooling3D", "host", "refused: the maximum of spike rates"),
        ("LayerNormalization", "host", "refused: a division by the sample's own figures"),
        ("ThresholdedReLU", "host", "refused: a ReLU with a threshold"),
        ("Multiply", "host", "refused: a product of spike rates"),
    ],
)
def test_the_words_are_those_of_the_backends(layer_type, cpu, loihi):
    support = support_of(layer_type)
    assert support["cpu"] == support["nengo"] == cpu
    assert support["loihi"].startswith(loihi)


def test_the_listing_has_a_column_for_each_backend():
    listing = layers_listing()
    assert listing.columns == ("layer", "what becomes of it", *BACKENDS, "arguments that are restricted")
    assert [row[0] for row in listing.rows] == [entry.layer_type for entry in LAYERS]


def test_the_listing_is_quick_and_imports_no_simulator_and_no_keras():
    program = (
        "import sys\n"
        "from spikeport.cli import main\n"
        "assert main(['layers', '--markdown']) == 0\n"
        "sys.exit('imported: ' + ' '.join(sorted({'tensorflow', 'keras', 'nengo', 'numba'} & set(sys.modules))) + '.')"
    )
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", program], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.stderr.strip() == "imported: ."
    assert time.perf_counter() - started < 5  # 0.6 on a machine with nothing else to do
