"""SpikingNetwork and convert: options, runs, and what they refuse."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

import small_files
import spikeport
from small_files import functional, layer, sequential
from spikeport import BackendError, ConversionError, DataError, SourceError, UsageError
from spikeport.backends.cpu.engine.plan import Plan
from spikeport.backends.cpu.memory import bytes_of_a_sample


@pytest.fixture(scope="module")
def net(small_h5) -> spikeport.SpikingNetwork:
    return spikeport.convert(small_h5, small_files.samples(32), target_steps=20)


@pytest.fixture(scope="module")
def two_inputs_file(tmp_path_factory):
    """Two inputs, two outputs: left (3) and right (2) are joined; "sum" is a value, "scores" three classes."""
    rng = np.random.default_rng(4)
    config = functional(
        {
            "left": (layer("InputLayer", "left", batch_input_shape=[None, 3]), []),
            "right": (layer("InputLayer", "right", batch_input_shape=[None, 2]), []),
            "both": (layer("Concatenate", "both", axis=-1), ["left", "right"]),
            "hidden": (layer("Dense", "hidden", units=7, activation="relu"), ["both"]),
            "sum": (layer("Dense", "sum", units=1, activation="linear"), ["hidden"]),
            "scores": (layer("Dense", "scores", units=3, activation="softmax"), ["hidden"]),
        },
        outputs=["sum", "scores"],
    )
    weights = {
        name: {"kernel": rng.normal(size=shape), "bias": rng.normal(size=shape[1]) / 4}
        for name, shape in (("hidden", (5, 7)), ("sum", (7, 1)), ("scores", (7, 3)))
    }
    path = tmp_path_factory.mktemp("two") / "two.h5"
    return small_files.write_h5(path, config, weights, version="2.4.0")


X = small_files.samples(10)


def codes(report: spikeport.Report) -> set[str]:
    return {entry.code for entry in (*report.layers, *report.notes)}


def test_without_samples_the_thresholds_are_told_to_be_assumed(small_h5):
    net = spikeport.convert(small_h5)
    notes = {entry.code: entry for entry in net.report.notes}
    assert notes["no-calibration-data"].severity.value == "approximate"
    assert "thresholds-from-data" not in notes
    assert net.provenance["calibration_samples"] == 0
    output, keras = net.run(X, n_steps=200).output, net.run(X, spiking=False).output
    np.testing.assert_allclose(output, keras, atol=0.02)


def test_without_samples_two_conversions_are_the_same(small_h5):
    first, second = (spikeport.convert(small_h5).run(X, n_steps=5).output for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_the_input_range_sets_the_thresholds_where_there_are_no_samples(small_h5):
    def largest(high: float) -> float:
        graph = spikeport.convert(small_h5, input_range=(0, high)).graph
        return max(float(node.op.threshold.max()) for node in graph.nodes.values() if node.op.kind == "Neurons")

    assert largest(100.0) > 10 * largest(1.0)


def test_with_samples_the_report_and_the_provenance_say_so(net, small_h5):
    assert "thresholds-from-data" in codes(net.report)
    assert "no-calibration-data" not in codes(net.report)
    facts = net.provenance
    assert (facts["calibration_samples"], facts["neurons"], facts["target"]) == (32, "graded", "cpu")
    assert facts["origin"] == str(small_h5)
    assert len(facts["sha256"]) == 64


@pytest.mark.parametrize(("neurons", "n_min", "n_max"), [("graded", -15, 15), ("binary", 0, 1)])
def test_the_neurons_can_be_chosen(small_h5, neurons, n_min, n_max):
    net = spikeport.convert(small_h5, X, neurons=neurons)
    ops = [node.op for node in net.graph.nodes.values() if node.op.kind == "Neurons"]
    assert ops
    assert {(op.n_min, op.n_max) for op in ops} == {(n_min, n_max)}
    events = net.run(X, n_steps=30, record=["conv"]).events["conv"]
    assert n_min <= events.min() <= 0 < events.max() <= n_max


class Wrong(NamedTuple):
    name: str
    options: dict[str, Any]
    error: type[Exception]
    words: str


WRONG = [
    Wrong("target", {"target": "brain"}, UsageError, "expected a backend out of cpu"),
    Wrong(
        "neurons", {"neurons": "purple"}, UsageError, "expected neurons out of graded, binary, .*, received 'purple'"
    ),
    Wrong("steps", {"target_steps": 0}, UsageError, "target_steps of at least 1, received 0"),
    Wrong("input-range-turned", {"input_range": (1.0, 0.0)}, UsageError, "input_range"),
    Wrong("input-range-endless", {"input_range": (0.0, np.inf)}, UsageError, "input_range"),
    Wrong("samples", {"calibration": np.zeros((3, 5, 5))}, DataError, r"image: expected samples of shape \(n, 6, 6, 1"),
    Wrong("no-samples", {"calibration": np.zeros((0, 6, 6, 1))}, DataError, "received none"),
    Wrong("nan", {"calibration": np.full((1, 6, 6, 1), np.nan)}, DataError, "finite"),
    Wrong("too-large", {"calibration": np.full((1, 6, 6, 1), 3e38)}, DataError, "finite"),
    Wrong("input-shape", {"input_shape": (7, 7, 1)}, SourceError, "input_shape"),
]


@pytest.mark.parametrize("case", WRONG, ids=lambda case: case.name)
def test_convert_refuses_what_it_cannot_use(case, small_h5):
    with pytest.raises(case.error, match=case.words):
        spikeport.convert(small_h5, **case.options)


@pytest.mark.parametrize("model", [None, 3, b"model.h5", object()], ids=lambda model: type(model).__name__)
def test_convert_takes_a_path_or_a_keras_model(model):
    with pytest.raises(UsageError, match="expected the path of a Keras file or a Keras model"):
        spikeport.convert(model)


def test_the_error_of_a_conversion_holds_the_report(tmp_path):
    config = sequential(
        layer("InputLayer", "in", batch_shape=[None, 4]), layer("Mystery", "odd"), layer("Lambda", "code"), name="both"
    )
    path = small_files.write_h5(tmp_path / "m.h5", config, {})
    with pytest.raises(
        ConversionError, match=r"both cannot be converted: .*odd \(Mystery\).*code \(Lambda\)"
    ) as caught:
        spikeport.convert(path)
    assert [entry.code for entry in caught.value.report.layers] == ["input", "unknown-layer", "code-in-file"]
    report, graph = spikeport.check(path)
    assert graph is None
    assert report.to_json() == caught.value.report.to_json()


def test_a_run_takes_the_steps_of_the_conversion_unless_told_others(net):
    (over_time,) = net.run(X).outputs_over_time.values()
    assert over_time.shape == (10, 20, 4)
    result = net.run(X, n_steps=5)
    assert result.n_steps == 5
    np.testing.assert_array_equal(result.output, result.outputs_over_time["scores"][:, -1])
    for wrong in (0, -3):
        with pytest.raises(UsageError, match="at least 1 step"):
            net.run(X, n_steps=wrong)


def test_the_error_against_the_rate_network_goes_to_zero(net):
    keras = net.run(X, spiking=False).output
    errors = [np.abs(net.run(X, n_steps=steps).output - keras).max() for steps in (4, 64, 1024)]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 2e-3


@pytest.mark.parametrize("backend", ["cpu", "nengo"])
def test_events_are_kept_of_the_populations_asked_for(net, backend):
    assert dict(net.run(X[:2], n_steps=3, backend=backend).events) == {}
    result = net.run(X[:2], n_steps=3, backend=backend, record=["conv"])
    assert {name: events.shape for name, events in result.events.items()} == {"conv": (2, 3, 3, 3, 3)}
    assert result.events["conv"].dtype == np.int8
    counted = np.count_nonzero(result.events["conv"].reshape(2, -1), axis=1)
    np.testing.assert_array_equal(result.spike_counts["conv"], counted)


@pytest.mark.parametrize("backend", ["cpu", "nengo"])
@pytest.mark.parametrize("name", ["nobody", "flat", "image"])
def test_events_of_what_is_no_population_are_refused(net, backend, name):
    with pytest.raises(UsageError, match=f"conv.*received '?{name}"):
        net.run(X[:2], n_steps=3, backend=backend, record=[name])


def test_the_rate_network_has_one_step_and_no_events(net):
    result = net.run(X, spiking=False)
    assert result.n_steps == 1
    assert (dict(result.spike_counts), dict(result.events), result.synaptic_operations) == ({}, {}, None)


@pytest.mark.parametrize("backend", ["cpu", "nengo"])
def test_several_inputs_come_as_a_list_or_by_name(two_inputs_file, backend):
    left, right = small_files.samples(6, (3,)), small_files.samples(6, (2,))
    net = spikeport.convert(two_inputs_file, [left, right])
    results = [
        net.run(x, n_steps=4, backend=backend) for x in ([left, right], (left, right), {"right": right, "left": left})
    ]
    for result in results:
        assert {name: values.shape for name, values in result.outputs.items()} == {"sum": (6, 1), "scores": (6, 3)}
        for name, values in result.outputs.items():
            np.testing.assert_array_equal(values, results[0].outputs[name])
    np.testing.assert_array_equal(results[0].output, results[0].outputs["sum"])
    with pytest.raises(DataError, match="2 arrays"):
        net.run(left, backend=backend)


@pytest.mark.parametrize(
    "options",
    [{"backend": "cpu"}, {"backend": "cpu", "batch": 1}, {"backend": "nengo"}, {"spiking": False}],
    ids=["cpu", "cpu-one-by-one", "nengo", "rates"],
)
def test_progress_adds_up_to_the_samples(net, options):
    done: list[int] = []
    net.run(X, n_steps=None if "spiking" in options else 2, on_progress=done.append, **options)
    assert sum(done) == 10
    assert min(done) > 0


def test_progress_of_a_calibration_adds_up_to_the_samples(small_h5):
    done: list[int] = []
    spikeport.convert(small_h5, small_files.samples(700), on_progress=done.append)
    assert sum(done) == 700
    assert len(done) > 1


@pytest.mark.parametrize("neurons", ["graded", "binary"])
def test_the_memory_that_a_batch_may_take_changes_no_event(small_h5, neurons):
    x = small_files.samples(300)
    net = spikeport.convert(small_h5, x[:50], neurons=neurons)
    whole = net.run(x, n_steps=8, record=["conv"])
    least = bytes_of_a_sample(net.graph, Plan(net.graph), 1, constant=True, resumes=True)
    for memory in (least, 2 * least, 200_000, 2_000_000, 10**12):
        cut = net.run(x, n_steps=8, record=["conv"], memory=memory)
        np.testing.assert_array_equal(cut.events["conv"], whole.events["conv"])
        np.testing.assert_array_equal(cut.synaptic_operations, whole.synaptic_operations)
        np.testing.assert_allclose(cut.output, whole.output, rtol=0, atol=1e-6)


def test_a_sample_that_does_not_fit_the_memory_is_refused_with_the_number(net):
    with pytest.raises(BackendError, match=r"one sample takes about [\d.,]+ MiB in a single step, and memory=100"):
        net.run(X, n_steps=8, memory=100)


@pytest.mark.parametrize("options", [{"n_jobs": 1}, {"n_jobs": 3}, {"n_jobs": 2, "batch": 3}], ids=str)
def test_threads_change_nothing(net, options):
    whole, other = (net.run(X, n_steps=8, record=["conv"], **more) for more in ({}, options))
    np.testing.assert_array_equal(other.events["conv"], whole.events["conv"])
    np.testing.assert_array_equal(other.output, whole.output)


def test_a_profile_tells_what_each_layer_costs(net):
    deployment = net.deploy("cpu", profile=True)
    result = deployment.run([X], 8)
    costs = {cost.name: cost for cost in deployment.profile.layers()}
    for name, spikes in result.spike_counts.items():
        assert costs[name].spikes == spikes.sum()
        assert costs[name].density == spikes.mean() / (8 * np.prod(net.graph.nodes[name].shape))
        assert costs[name].way in ("phase", "integers", "float64")
        assert costs[name].seconds > 0
    assert sum(cost.synaptic_operations for cost in costs.values()) == result.synaptic_operations.sum()


@pytest.mark.parametrize(
    ("backend", "options"),
    [
        ("cpu", {"dt": 0.001}),
        ("cpu", {"memory": "much"}),
        ("cpu", {"memory": 0}),
        ("cpu", {"batch": 0}),
        ("cpu", {"n_jobs": 1.5}),
        ("nengo", {"memory": 1}),
        ("nengo", {"dt": 0}),
        ("nengo", {"dt": "short"}),
    ],
    ids=str,
)
def test_options_that_a_backend_does_not_have_are_refused(net, backend, options):
    with pytest.raises(UsageError, match=r"expected|takes"):
        net.deploy(backend, **options)


def test_a_backend_that_is_not_usable_here_is_a_backend_error(net, monkeypatch):
    place = spikeport.BACKENDS["nengo"]
    monkeypatch.setattr(place, "available", lambda: "nengo is missing: pip install nengo")
    with pytest.raises(BackendError, match="the nengo backend cannot be used here: nengo is missing"):
        net.deploy("nengo")


def test_a_shape_given_for_a_file_without_one_is_noted(tmp_path):
    config = small_files.small_config()
    del config["config"]["layers"][0]
    path = small_files.write_h5(tmp_path / "m.h5", config)
    with pytest.raises(SourceError, match="pass the shape of one sample"):
        spikeport.convert(path)
    for shape in ((6, 6, 1), [6, 6, 1]):
        net = spikeport.convert(path, input_shape=shape)
        assert "input-shape-given" in codes(net.report)
        assert net.run(X).output.shape == (10, 4)


def test_a_shape_given_for_a_functional_model_with_open_axes_is_taken(tmp_path):
    config = functional(
        {
            "image": (layer("InputLayer", "image", batch_input_shape=[None, None, None, 1]), []),
            "conv": (small_files.small_config()["config"]["layers"][1], ["image"]),
            "mean": (layer("GlobalAveragePooling2D", "mean"), ["conv"]),
        },
        outputs=["mean"],
    )
    path = small_files.write_h5(tmp_path / "m.h5", config, {"conv": small_files.small_weights()["conv"]}, "2.4.0")
    with pytest.raises(SourceError, match="open axes"):
        spikeport.convert(path)
    net = spikeport.convert(path, input_shape=(6, 6, 1))
    assert net.run(X).output.shape == (10, 3)
    assert "input-shape-given" in codes(net.report)


def test_a_shape_given_for_several_inputs_is_refused(two_inputs_file):
    with pytest.raises(SourceError, match="input_shape"):
        spikeport.convert(two_inputs_file, input_shape=(3,))
