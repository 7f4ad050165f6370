"""The limits of a chip: complete records, and the numbers that nengo-loihi has."""

from importlib.util import find_spec

import pytest

from spikeport.backends.loihi.compatibility import import_nengo_loihi
from spikeport.backends.loihi.limits import CHIP_LIMITS, CORE_LIMITS, NUMBER_FORMATS

EVERY_LIMIT = (*CORE_LIMITS, *CHIP_LIMITS, *NUMBER_FORMATS)
BY_NAME = {limit.name: limit for limit in EVERY_LIMIT}


def test_every_limit_has_a_value_a_unit_and_a_source() -> None:
    for limit in EVERY_LIMIT:
        assert limit.value > 0
        assert limit.unit
        assert limit.source


def test_names_are_unique() -> None:
    assert len(BY_NAME) == len(EVERY_LIMIT)


def test_reads_as_a_line() -> None:
    assert str(BY_NAME["in-axons"]) == "in-axons: 4,096 input axons a core"


@pytest.mark.skipif(find_spec("nengo_loihi") is None, reason="nengo-loihi is not installed")
@pytest.mark.filterwarnings("ignore:numpy.core is deprecated:DeprecationWarning")
def test_agrees_with_nengo_loihi() -> None:
    nengo_loihi = import_nengo_loihi()
    block, discretize = nengo_loihi.block, nengo_loihi.builder.discretize
    expected = {
        "compartments": block.MAX_COMPARTMENTS,
        "in-axons": block.MAX_IN_AXONS,
        "out-axons": block.MAX_OUT_AXONS,
        "synapses": block.MAX_SYNAPSE_BITS,
        "threshold": discretize.VTH_MAX,
        "bias": discretize.BIAS_MAX,
        "membrane bits": discretize.U_BITS,
    }
    assert {name: BY_NAME[name].value for name in expected} == expected
