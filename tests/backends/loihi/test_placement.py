"""Block shapes: what they cost equals what nengo-loihi reports, the fewest cores win, and a misfit says why."""

from dataclasses import replace
from importlib.util import find_spec
from math import prod
from typing import Any

import numpy as np
import pytest

from spikeport.backends.loihi.compatibility import import_nengo_loihi
from spikeport.backends.loihi.fan_in import ConvFanIn, DenseFanIn, FanIn, SparseFanIn, index_bits, weight_bits
from spikeport.backends.loihi.placement import Misfit, Placement, Target, place

Connection = ConvFanIn | DenseFanIn | SparseFanIn

CONV = ConvFanIn(kernel=(3, 2, 3, 8), input_shape=(9, 11, 3), output_shape=(7, 10, 8))
SAME = replace(CONV, kernel=(3, 3, 3, 8), output_shape=(9, 11, 8), padding=(1, 1))
STRIDED = replace(CONV, kernel=(3, 3, 3, 8), output_shape=(5, 6, 8), strides=(2, 2), padding=(1, 1))
SKIPPING = replace(CONV, kernel=(2, 2, 3, 8), output_shape=(3, 4, 8), strides=(3, 3))
POOLED = ConvFanIn(kernel=(6, 6, 2, 8), input_shape=(12, 12, 2), output_shape=(4, 4, 8), strides=(2, 2), repeats=(2, 2))

BUILDS = [  # connection, padding as nengo.Convolution takes it, shape, block shape
    pytest.param(CONV, "valid", (7, 10, 8), (7, 10, 8), id="one core"),
    pytest.param(CONV, "valid", (7, 10, 8), (3, 4, 8), id="tiles, uneven"),
    pytest.param(CONV, "valid", (7, 10, 8), (7, 10, 3), id="channels, uneven"),
    pytest.param(SAME, "same", (9, 11, 8), (9, 11, 8), id="same, one core, offsets beyond 256"),
    pytest.param(SAME, "same", (9, 11, 8), (4, 11, 4), id="same, tiles"),
    pytest.param(STRIDED, "same", (5, 6, 8), (2, 6, 8), id="stride 2"),
    pytest.param(SKIPPING, "valid", (3, 4, 8), (3, 4, 8), id="stride beyond kernel, one core"),
    pytest.param(SKIPPING, "valid", (3, 4, 8), (2, 2, 8), id="stride beyond kernel, tiles"),
    pytest.param(POOLED, "valid", (4, 4, 8), (4, 4, 8), id="pooling folded in, one core"),
    pytest.param(POOLED, "valid", (4, 4, 8), (2, 4, 8), id="pooling folded in, tiles"),
    pytest.param(replace(CONV, pop_type=16), "valid", (7, 10, 8), (3, 4, 4), id="pop16"),
    pytest.param(DenseFanIn(n_in=130), "", (210,), (210,), id="dense"),
    pytest.param(DenseFanIn(n_in=130), "", (210,), (100,), id="dense, split"),
    pytest.param(SparseFanIn(n_in=130, n_weights=9), "", (60,), (60,), id="sparse"),
    pytest.param(SparseFanIn(n_in=130, n_weights=9), "", (60,), (7,), id="sparse, split"),
]


def build(
    connection: Connection, padding: str, shape: tuple[int, ...], block_shape: tuple[int, ...]
) -> tuple[Any, Any]:
    """The blocks of the population and of the one that feeds it, as nengo-loihi makes them."""
    nengo_loihi = import_nengo_loihi()
    import nengo
    from scipy.sparse import csr_matrix

    rng = np.random.default_rng(5)
    n_in = prod(connection.input_shape) if isinstance(connection, ConvFanIn) else connection.n_in
    with nengo.Network(seed=1) as network:
        nengo_loihi.add_params(network)
        neuron_type = nengo_loihi.LoihiSpikingRectifiedLinear()
        pre, post = (
            nengo.Ensemble(n, 1, neuron_type=neuron_type, gain=np.ones(n), bias=np.zeros(n))
            for n in (n_in, prod(shape))
        )
        if isinstance(connection, ConvFanIn):
            kernel = rng.normal(size=connection.kernel)[:: connection.repeats[0], :: connection.repeats[1]]
            kernel = kernel.repeat(connection.repeats[0], 0).repeat(connection.repeats[1], 1)
            transform = nengo.Convolution(
                connection.kernel[3],
                connection.input_shape,
                strides=connection.strides,
                kernel_size=connection.kernel[:2],
                padding=padding,
                init=kernel,
            )
            assert transform.output_shape.shape == shape
        elif isinstance(connection, SparseFanIn):
            matrix = np.zeros((prod(shape), n_in))
            for row in matrix:
                row[rng.choice(n_in, connection.n_weights, replace=False)] = 1 + rng.random(connection.n_weights)
            transform = nengo.Sparse(matrix.shape, init=csr_matrix(matrix))
        else:
            transform = nengo.Dense((prod(shape), n_in), init=rng.normal(size=(prod(shape), n_in)))
        made = nengo.Connection(pre.neurons, post.neurons, transform=transform, synapse=None)
        network.config[made].pop_type = getattr(connection, "pop_type", 32)
        network.config[post].block_shape = nengo_loihi.BlockShape(block_shape, shape)
    model = nengo_loihi.builder.Model(dt=0.001)
    model.build(network)
    return model.objs[post]["in"], model.objs[pre]["in"]


@pytest.mark.skipif(find_spec("nengo_loihi") is None, reason="nengo-loihi is not installed")
@pytest.mark.filterwarnings("ignore:numpy.core is deprecated:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:Lost [0-9]+ extra bits in weight rounding:UserWarning")
@pytest.mark.parametrize(("connection", "padding", "shape", "block_shape"), BUILDS)
def test_costs_are_what_nengo_loihi_reports(
    connection: Connection, padding: str, shape: tuple[int, ...], block_shape: tuple[int, ...]
) -> None:
    blocks, sending = build(connection, padding, shape, block_shape)
    placement = Placement(shape=shape, block_shape=block_shape, n_cores=len(blocks), uses=())
    boxes = list(placement.boxes())
    assert len(boxes) == len(blocks)
    reported = [{name: used for name, (used, _) in block.utilization().items()} for block in blocks]
    whole = len(blocks) == 1
    computed = [
        {"in-axons": connection.input_axons(box, whole), "synapses": connection.synapse_bits(box, whole)}
        for box in boxes
    ]
    input_shape = connection.input_shape if isinstance(connection, ConvFanIn) else (connection.n_in,)
    source = tuple((0, n) for n in input_shape)
    out_axons = sum(connection.axon_slots * connection.axons_from(source, box) for box in boxes)
    reported_out = sending[0].utilization()["out-axons"][0]
    if isinstance(connection, SparseFanIn):
        assert out_axons >= reported_out
        assert all(ours[name] >= theirs[name] for ours, theirs in zip(computed, reported, strict=True) for name in ours)
        return
    assert [{name: block[name] for name in ("in-axons", "synapses")} for block in reported] == computed
    assert out_axons == reported_out or (whole and out_axons <= reported_out)


@pytest.mark.parametrize(
    ("n_weights", "index", "bits"), [(0, 0, 0), (1, 0, 64), (64, 0, 576), (64, 6, 960), (65, 6, 1024), (128, 12, 2688)]
)
def test_weights_are_stored_in_groups_of_64(n_weights: int, index: int, bits: int) -> None:
    assert weight_bits(n_weights, index) == bits


@pytest.mark.parametrize(("largest", "bits"), [(0, 0), (1, 6), (63, 6), (64, 7), (1023, 10)])
def test_an_index_is_as_wide_as_the_chip_offers(largest: int, bits: int) -> None:
    assert index_bits(largest) == bits


def test_a_small_population_takes_one_core() -> None:
    placement = place((32,), [DenseFanIn(n_in=200)])
    assert isinstance(placement, Placement)
    assert (placement.n_cores, placement.block_shape, placement.binding.resource) == (1, (32,), "synapses")


def test_a_convolution_is_cut_into_blocks_that_fit() -> None:
    connection = ConvFanIn(kernel=(3, 3, 64, 128), input_shape=(32, 32, 64), output_shape=(32, 32, 128), padding=(1, 1))
    placement = place((32, 32, 128), [connection])
    assert isinstance(placement, Placement)
    assert placement.n_cores == 128
    assert all(use.used <= use.limit for use in placement.uses)
    assert sum(prod(stop - start for start, stop in box) for box in placement.boxes()) == 32 * 32 * 128


def test_several_connections_share_a_core() -> None:
    alone, both = (place((512,), [DenseFanIn(n_in=1500)] * times) for times in (1, 2))
    assert isinstance(alone, Placement)
    assert isinstance(both, Placement)
    assert both.n_cores > alone.n_cores


def test_output_axons_count_the_cores_of_the_target() -> None:
    last = Placement(shape=(1000,), block_shape=(100,), n_cores=10, uses=())
    placement = place((900,), [DenseFanIn(n_in=10)], [Target(connection=DenseFanIn(n_in=900), placement=last)])
    assert isinstance(placement, Placement)
    assert placement.n_cores == 3  # 10 axons for each neuron: at most 409 neurons a core
    assert placement.binding.resource == "out-axons"


MISFITS = [
    pytest.param((10,), DenseFanIn(n_in=5000), "needs 5,000 input axons on one core, which holds 4,096", id="dense"),
    pytest.param(
        (1, 1, 10),
        ConvFanIn(kernel=(20, 20, 512, 10), input_shape=(20, 20, 512), output_shape=(1, 1, 10)),
        "needs 1,843,200 bits of weights on one core, which holds 1,048,576",
        id="synapse memory",
    ),
]


@pytest.mark.parametrize(("shape", "connection", "message"), MISFITS)
def test_a_misfit_names_the_resource_the_need_the_limit_and_the_remedy(
    shape: tuple[int, ...], connection: FanIn, message: str
) -> None:
    misfit = place(shape, [connection])
    assert isinstance(misfit, Misfit)
    assert str(misfit).startswith(message)
    assert misfit.remedy


def test_pop16_takes_blocks_of_four_channels_only() -> None:
    short = replace(CONV, pop_type=16)
    placement = place((7, 10, 8), [short])
    assert isinstance(placement, Placement)
    assert placement.block_shape[2] % 4 == 0
    misfit = place((7, 10, 6), [replace(short, output_shape=(7, 10, 6))])
    assert isinstance(misfit, Misfit)
    assert str(misfit).startswith("pop_type 16 takes blocks of 4, 8, … channels")
