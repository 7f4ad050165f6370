"""NengoDL's front: what its users rely on, behaviour by behaviour. `verify` compares with Keras in nengo.Simulator."""

from __future__ import annotations

import contextlib

import keras
import nengo
import numpy as np
import pytest
from keras import layers
from nengo.builder import Model

import spikeport
from spikeport.backends.nengo.batched import BatchedNetwork
from spikeport.backends.nengo.neuron_type import LeakyReLU

pytestmark = pytest.mark.filterwarnings("ignore:Converting sequential model:UserWarning")

Spikes = nengo.SpikingRectifiedLinear


@pytest.fixture(autouse=True)
def fresh_names():
    """Layers are called "dense", "dense_1" … in each test."""
    keras.utils.clear_session(free_memory=False)


def build(inputs, *called, seed=0):
    """A functional model: layers called one after the other on one input; kernels and biases are random."""
    keras.utils.set_random_seed(seed)
    x = first = keras.Input(inputs) if isinstance(inputs, tuple) else inputs
    for layer in called:
        x = layer(x)
    model = keras.Model(first, x)
    randomise(model)
    return model


def randomise(model, seed=1):
    """Random weights, biases among them; variances stay positive."""
    rng = np.random.default_rng(seed)
    model.set_weights(
        [
            np.abs(rng.normal(0.5, 0.4, w.shape)) * (1 if w.ndim < 2 else rng.choice([-1, 1], w.shape))
            for w in model.get_weights()
        ]
    )


def samples(model, count=3, seed=2):
    rng = np.random.default_rng(seed)
    return [rng.uniform(-1, 1, (count, *tensor.shape[1:])).astype(np.float32) for tensor in model.inputs]


def assert_converts(model, *, inputs=None, **options):
    """Convert without any fallback, compare with Keras on ones and on random samples; the converter comes back."""
    converter = spikeport.Converter(model, allow_fallback=False, **options)
    assert converter.verify()
    assert converter.verify(inputs=samples(model) if inputs is None else inputs)
    return converter


def only_input_set(converter, x):
    """Let the input Nodes put out one sample: how a user of nengo.Simulator feeds the network."""
    for node, values in zip(converter.inputs.values(), x, strict=True):
        node.output = values.reshape(-1)


def simulated(converter, x, n_steps, dt=0.001):
    """What nengo.Simulator records for one sample: ``(steps, size)`` of the first output."""
    only_input_set(converter, x)
    with nengo.Simulator(converter.net, model=Model(dt=dt), progress_bar=False) as simulator:
        simulator.run_steps(n_steps)
    return simulator.data[next(iter(converter.outputs.values()))]


CHANNELS_FIRST = {"data_format": "channels_first"}
NATIVE = {
    "dense": ((2, 2), layers.Flatten(), layers.Dense(4, "relu"), layers.Dense(3, "relu", use_bias=False)),
    "dense-linear": ((4,), layers.Dense(3)),
    "dense-over-an-axis": ((5, 4), layers.Dense(3, "relu")),
    "conv1d": ((7, 2), layers.Conv1D(3, 3, activation="relu", padding="same")),
    "conv1d-causal": ((7, 2), layers.Conv1D(3, 3, padding="causal")),
    "conv2d-sigmoid": ((6, 6, 2), layers.Conv2D(3, 3, activation="sigmoid")),
    "conv2d-stride": ((7, 7, 2), layers.Conv2D(3, 3, strides=2, padding="same", activation="tanh")),
    "conv2d-dilated": ((7, 7, 2), layers.Conv2D(3, 3, dilation_rate=2)),
    "conv2d-groups": ((6, 6, 4), layers.Conv2D(8, 3, groups=4, activation="relu")),
    "conv3d": ((5, 4, 4, 2), layers.Conv3D(3, 2, activation="relu")),
    "depthwise": ((6, 6, 3), layers.DepthwiseConv2D(3, depth_multiplier=2, activation="relu")),
    "average-pool-1d": ((8, 2), layers.AveragePooling1D(2)),
    "average-pool-2d": ((7, 7, 2), layers.AveragePooling2D(3, strides=2)),
    "average-pool-same": ((7, 7, 2), layers.AveragePooling2D(3, strides=2, padding="same")),
    "average-pool-3d": ((4, 4, 4, 2), layers.AveragePooling3D(2)),
    "global-average-1d": ((5, 2), layers.GlobalAveragePooling1D()),
    "global-average-2d": ((5, 5, 2), layers.GlobalAveragePooling2D()),
    "global-average-2d-first": ((2, 5, 5), layers.GlobalAveragePooling2D(**CHANNELS_FIRST)),
    "global-average-3d": ((3, 4, 5, 2), layers.GlobalAveragePooling3D()),
    "zero-padding-1d": ((4, 2), layers.ZeroPadding1D(2)),
    "zero-padding-2d": ((4, 4, 2), layers.ZeroPadding2D(((1, 2), (3, 0)))),
    "zero-padding-3d": ((2, 3, 4, 2), layers.ZeroPadding3D((1, 0, 3))),
    "upsampling-1d": ((4, 2), layers.UpSampling1D(3)),
    "upsampling-2d": ((3, 4, 2), layers.UpSampling2D((2, 2))),
    "upsampling-2d-first": ((2, 3, 4), layers.UpSampling2D((3, 3), **CHANNELS_FIRST)),
    "upsampling-3d": ((2, 3, 2, 2), layers.UpSampling3D((2, 3, 4))),
    "batch-norm-1": ((4, 3), layers.BatchNormalization(axis=1)),
    "batch-norm-2": ((4, 3), layers.BatchNormalization(axis=2)),
    "batch-norm-last": ((4, 3, 2), layers.BatchNormalization(axis=-1)),
    "batch-norm-bare": ((4, 3), layers.BatchNormalization(center=False, scale=False)),
    "relu": ((10,), layers.ReLU()),
    "relu-slope": ((10,), layers.ReLU(negative_slope=0.1)),
    "leaky-relu": ((10,), layers.LeakyReLU(negative_slope=2)),
    "reshape": ((4, 3), layers.Reshape((2, 6)), layers.Permute((2, 1))),
    "dropout": ((6,), layers.Dropout(0.5), layers.Dense(3), layers.GaussianNoise(0.1)),
}


@pytest.mark.parametrize("case", NATIVE)
def test_layers_that_are_native(case):
    shape, *called = NATIVE[case]
    assert_converts(build(shape, *called))


def test_a_channels_first_layer_keeps_its_neurons():
    first = layers.Conv2D(3, 2, activation="relu", **CHANNELS_FIRST)
    last = layers.Conv2D(3, 2, activation="relu")
    model, same = build((2, 4, 5), first), build((4, 5, 2), last)
    same.set_weights(model.get_weights())
    converter = spikeport.Converter(model)
    assert isinstance(converter.layers[first], nengo.ensemble.Neurons)
    (x,) = samples(model)
    # TensorFlow computes channels first on a GPU only, so Keras gets the channels last
    expected = np.asarray(same(x.transpose(0, 2, 3, 1))).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(converter.predict(x, 1)[first.name][:, 0], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["relu", "sigmoid", "tanh", "linear"])
def test_activations_are_known_as_strings_and_functions(name):
    import tensorflow as tf

    given = [name, getattr(keras.activations, name)]
    if name != "linear":
        given += [getattr(tf.nn, name), getattr(keras.ops, name)]
    converter = assert_converts(build((3,), *(layers.Dense(4, activation) for activation in given)))
    assert len(converter.net.all_ensembles) == (0 if name == "linear" else 4)


def test_an_activation_without_a_neuron_type_falls_back():
    model = build((3,), layers.Activation("elu"), layers.Dense(2))
    with pytest.raises(TypeError, match=r"Unsupported activation type \(elu\)") as raised:
        spikeport.Converter(model, allow_fallback=False)
    assert not raised.value.report.convertible
    with pytest.warns(UserWarning, match="Activation type elu does not have a native Nengo equivalent"):
        converter = spikeport.Converter(model)
    assert converter.verify(inputs=samples(model))
    assert [e.code for e in converter.report.layers] == ["input", "tensor-node", "linear"]


class Doubled(layers.Layer):
    """A layer of a user's own, with a weight."""

    def build(self, input_shape):
        self.gain = self.add_weight(shape=(input_shape[-1],), initializer="ones")

    def call(self, x):
        return 2 * self.gain * x + 1


def test_fallback_layers_are_called_as_they_are():
    model = build((3,), *[Doubled(name="own")] * 3)
    with pytest.raises(TypeError, match=r"Layer type Doubled does not have a registered converter\. Unable to convert"):
        spikeport.Converter(model, allow_fallback=False)
    with pytest.warns(UserWarning, match="Falling back to TensorNode"):
        converter = spikeport.Converter(model)
    assert converter.verify(inputs=samples(model))


def test_a_fallback_layer_gets_all_its_inputs_and_arguments():
    a, b = keras.Input((4, 3)), keras.Input((5, 3))
    model = keras.Model([a, b], layers.MultiHeadAttention(2, 2)(a, b))
    with pytest.warns(UserWarning, match="Falling back"):
        converter = spikeport.Converter(model)
    assert converter.verify(inputs=samples(model), rtol=1e-4)


def test_a_subclass_that_computes_the_same_converts_as_its_parent():
    class MyDense(layers.Dense):
        pass

    class Dense(layers.Layer):  # named like a layer of Keras, and another one
        def call(self, x):
            return x * x

    assert_converts(build((3,), MyDense(2, "relu")))
    model = build((3,), Dense())
    with pytest.warns(UserWarning, match="Layer type Dense does not have a registered converter"):
        assert spikeport.Converter(model).verify(inputs=samples(model))


@pytest.mark.parametrize("layer", [layers.Add, layers.Average, layers.Subtract])
def test_merging_two_inputs(layer):
    a, b = keras.Input((3, 2)), keras.Input((3, 2))
    merge = layer()
    assert_converts(keras.Model([a, b], [merge([a, b]), merge([b, b])]))  # used twice: each use has its own inputs


def test_concatenation():
    a, b, c = keras.Input((3, 2)), keras.Input((4, 2)), keras.Input((3, 5))
    joined = layers.Concatenate(axis=1)([a, b, a])
    assert_converts(keras.Model([a, b, c], [joined, layers.Concatenate(axis=-1)([a, c])]))


def test_concatenation_along_the_batch_is_refused():
    a = keras.Input((3,))
    with pytest.raises(TypeError, match=r"Cannot concatenate along batch dimension \(axis 0\)"):
        spikeport.Converter(keras.Model(a, layers.Concatenate(axis=0)([a, a])))


def test_regularisers_do_nothing_at_inference():
    model = build((5, 2), layers.Conv1D(3, 2, kernel_regularizer="l1"), layers.BatchNormalization())
    converter = assert_converts(model)
    assert [note.code for note in converter.report.notes] == ["training-only"]
    assert not assert_converts(model, inference_only=True).report.notes


def test_nested_models():
    keras.utils.set_random_seed(0)
    innermost = build((3,), layers.Dense(3, "relu", name="deep"))
    a, b = keras.Input((3,)), keras.Input((3,))
    inner = keras.Model([a, b], [innermost(layers.Add()([a, b])), layers.Dense(2, name="out")(innermost(b))])
    x, y = keras.Input((3,)), keras.Input((3,))
    p, q = inner([x, y])
    model = keras.Model([x, y], [p, q, inner([p, y])[0]])
    randomise(model)
    with pytest.raises(ValueError, match="Multiple applications of layer"):
        spikeport.Converter(model)
    converter = assert_converts(model, split_shared_weights=True)
    assert converter.layers[p] is not converter.layers[q]
    assert len(converter.layers) == 4  # two inputs, two uses of the inner model
    with pytest.raises(KeyError, match="is ambiguous because it has been called multiple times"):
        converter.layers[innermost.get_layer("deep")]


def test_a_nested_sequential_model_and_a_model_that_passes_its_input_on():
    through = keras.Input((3,))
    inner = keras.Model(through, [layers.Dense(2)(through), through])
    x = keras.Input((3,))
    seq = keras.Sequential([keras.Input((3,)), layers.Dense(4, "relu", name="hidden"), layers.Dense(2, name="last")])
    left, right = inner(x)
    converter = assert_converts(keras.Model(x, [seq(right), left]))
    assert converter.layers["sequential/hidden"] is converter.layers[seq.layers[0]]
    assert converter.layers[seq] is converter.layers[seq.layers[1]]


def test_repeated_layers():
    dense = layers.Dense(3, "relu", name="shared")
    model = build((3,), dense, dense, dense)
    with pytest.raises(ValueError, match="Multiple applications of layer shared detected"):
        spikeport.Converter(model)
    assert_converts(model, split_shared_weights=True)


def test_fan_in_and_out():
    x = keras.Input((2, 3))
    reshape = layers.Reshape((3, 2))
    other = layers.Reshape((6,))
    outputs = [reshape(x), reshape(x), other(x), other(reshape(x))]
    assert_converts(keras.Model(x, [*outputs, layers.Add()([outputs[0], outputs[1]]), x]))


@pytest.mark.filterwarnings("default")
def test_sequential_models_become_functional():
    model = keras.Sequential([keras.Input((3,)), layers.Dense(4, "relu"), layers.Dense(2)])
    with pytest.warns(UserWarning, match="Converting sequential model to functional model"):
        converter = spikeport.Converter(model)
    assert isinstance(converter.model, keras.Model)
    assert not isinstance(converter.model, keras.Sequential)
    assert converter.verify()
    with pytest.raises(ValueError, match="expected a built model"):
        spikeport.Converter(keras.Sequential([layers.Dense(4)]))


SWAPS = {
    "function-to-function": ("sigmoid", {keras.activations.sigmoid: keras.activations.relu}, nengo.RectifiedLinear()),
    "function-to-neurons": ("relu", {keras.activations.relu: Spikes()}, Spikes()),
    "name-to-neurons": ("relu", {"relu": nengo.LIFRate()}, nengo.LIFRate()),
    "neurons-to-neurons": ("relu", {nengo.RectifiedLinear(): nengo.LIF()}, nengo.LIF()),
    "both": ("tanh", {"tanh": "relu", nengo.RectifiedLinear(): Spikes()}, Spikes()),
    "own-function": ("elu", {keras.activations.elu: Spikes(amplitude=2)}, Spikes(amplitude=2)),
    "leaky": ("leaky_relu", {"leaky_relu": "relu"}, nengo.RectifiedLinear()),
    "leaky-neurons": ("leaky_relu", {LeakyReLU(0.2): Spikes()}, Spikes()),
}


@pytest.mark.parametrize("case", SWAPS)
def test_swapped_activations_equal_a_network_built_by_hand(case):
    activation, swaps, neuron_type = SWAPS[case]
    model = build((3,), layers.Dense(5, activation))
    converter = spikeport.Converter(model, allow_fallback=False, swap_activations=swaps)
    kernel, bias = model.get_weights()
    x = samples(model)[0][0]
    scale = 100 * x
    with nengo.Network(seed=converter.net.seed) as net:
        source = nengo.Node(scale)
        ensemble = nengo.Ensemble(5, 1, neuron_type=neuron_type, gain=np.ones(5), bias=bias)
        nengo.Connection(source, ensemble.neurons, transform=kernel.T, synapse=None)
        probe = nengo.Probe(ensemble.neurons)
    ensemble.seed = converter.layers["dense"].ensemble.seed = 3
    ensemble.label = None
    with nengo.Simulator(net, model=Model(), progress_bar=False) as simulator:
        simulator.run_steps(50)
    np.testing.assert_allclose(simulated(converter, [scale], 50), simulator.data[probe], atol=1e-5, rtol=1e-5)
    assert converter.report.layers[-1].code == "activation-swapped"


def test_swapping_to_linear_and_to_an_own_function():
    def cube(x):
        return x**3

    model = build((3,), layers.Dense(2, "relu"))
    linear = spikeport.Converter(model, swap_activations={"relu": "linear"})
    assert isinstance(linear.layers["dense"], nengo.Node)
    with pytest.warns(UserWarning, match="Activation type cube does not have a native Nengo equivalent"):
        own = spikeport.Converter(model, swap_activations={"relu": cube})
    x = samples(model)[0]
    np.testing.assert_allclose(own.predict(x, 1)["dense"], linear.predict(x, 1)["dense"] ** 3, rtol=1e-5, atol=1e-6)


def test_an_activation_of_the_users_own():
    def twice(x):
        return keras.ops.relu(x) * 2

    model = build((3,), layers.Dense(2, twice))
    with pytest.warns(UserWarning, match="Activation type twice"):
        assert spikeport.Converter(model).verify(inputs=samples(model))  # the bias is added once
    swapped = spikeport.Converter(model, allow_fallback=False, swap_activations={twice: nengo.RectifiedLinear()})
    expected = np.asarray(model(samples(model)[0])) / 2
    np.testing.assert_allclose(swapped.predict(samples(model), 1)["dense"][:, 0], expected, rtol=1e-5, atol=1e-6)


def test_max_pooling():
    model = build((4, 4, 2), layers.MaxPooling2D(), layers.GlobalMaxPooling2D())
    with pytest.warns(UserWarning, match=r"consider setting max_to_avg_pool=True.*Falling back to TensorNode"):
        assert spikeport.Converter(model).verify(inputs=samples(model))
    with pytest.raises(TypeError, match="Cannot convert max pooling layers to native Nengo objects"):
        spikeport.Converter(model, allow_fallback=False)
    averaged = spikeport.Converter(model, allow_fallback=False, max_to_avg_pool=True)
    assert averaged.report.layers[1].code == "max-pool-averaged"
    with pytest.raises(ValueError, match="Output of Keras model does not match output of converted Nengo network"):
        averaged.verify(inputs=samples(model))


def test_every_layer_without_a_native_form_is_named_at_once():
    model = build((4, 4, 2), layers.MaxPooling2D(), layers.Activation("elu"), Doubled())
    with pytest.raises(TypeError) as raised:
        spikeport.Converter(model, allow_fallback=False)
    for word in ("max_pooling2d", "elu", "Doubled"):
        assert word in str(raised.value)


class AddOne(layers.Layer):
    def call(self, x):
        return x + 1


class ConvertAddOne(spikeport.LayerConverter):
    """The walk-through of docs/nengodl.md."""

    def convert(self, node_id):
        out = self.add_nengo_obj(node_id)
        self.add_connection(node_id, out)
        ones = nengo.Node(np.ones(out.size_in))
        self.set_trainable(nengo.Connection(ones, out, synapse=None), False)
        return out


@pytest.fixture
def add_one():
    """AddOne registered, and forgotten again."""
    before = dict(spikeport.Converter.converters)
    spikeport.Converter.register(AddOne)(ConvertAddOne)
    yield
    spikeport.Converter.converters.clear()
    spikeport.Converter.converters.update(before)


def test_custom_converters(add_one):
    layer = AddOne()
    model = build((2, 2), layer, layers.Flatten(), layers.Dense(3, "relu"), AddOne())
    converter = assert_converts(model, swap_activations=None)
    assert converter.report.layers[1].code == "custom-converter"
    assert converter.get_converter(layer) is converter.get_converter(layer)
    assert converter.get_converter(layer).input_shape(0) == (2, 2)
    assert converter.get_converter(layer).output_shape(0, full_shape=True) == (None, 2, 2)
    with pytest.raises(KeyError, match="Dense has no converter"):
        converter.get_converter(model.layers[3])
    with pytest.warns(UserWarning, match="already has a converter. Overwriting."):
        spikeport.Converter.register(AddOne)(ConvertAddOne)


def test_a_custom_converter_with_neurons_restrictions_and_shared_use(add_one, monkeypatch):
    class Shifted(layers.Layer):
        mode = None

        def call(self, x):
            return keras.ops.relu(x + 1)

    @spikeport.Converter.register(Shifted)
    class ConvertShifted(spikeport.LayerConverter):
        unsupported_args = ("mode",)
        unsupported_training_args = (("trainable", True),)

        def convert(self, node_id):
            size = int(np.prod(self.output_shape(node_id)))
            out = self.add_nengo_obj(node_id, biases=np.ones(size), activation="relu")
            self.add_connection(node_id, out, input_idx=0)
            assert self.get_input_obj(node_id).size_out == size
            return out

    layer = Shifted()
    model = build((4,), layer, layer)
    converter = assert_converts(model, scale_firing_rates=5)
    assert len(converter.net.all_ensembles) == 2
    layer.mode = "odd"
    with pytest.raises(TypeError, match=r"shifted.mode has value odd != None, which is not supported"):
        spikeport.Converter(model, allow_fallback=False)
    layer.mode, layer.trainable = None, False
    with pytest.raises(TypeError, match=r"which is not supported \(unless inference_only=True\)"):
        spikeport.Converter(model, allow_fallback=False)
    assert_converts(model, inference_only=True)
    layer.trainable = None
    monkeypatch.setattr(ConvertShifted, "has_weights", True)
    with pytest.raises(ValueError, match="Multiple applications of layer shifted detected"):
        spikeport.Converter(model)
    monkeypatch.setattr(ConvertShifted, "allow_fallback", False)
    monkeypatch.setattr(ConvertShifted, "unsupported_args", ["name"])
    with pytest.raises(TypeError, match="native Nengo objects; consider registering a custom LayerConverter"):
        spikeport.Converter(model, split_shared_weights=True)
    with pytest.raises(NotImplementedError, match="Subclasses must implement convert"):
        spikeport.LayerConverter(layer, converter).convert(0)


def test_inputs_have_a_known_shape():
    x = keras.Input((None, 2))
    with pytest.raises(ValueError, match=r"Input shapes must be fully specified; got \(None, None, 2\)"):
        spikeport.Converter(keras.Model(x, layers.Dense(3)(x)))
    with pytest.raises(spikeport.UsageError, match="expected a live Keras 3 model"):
        spikeport.Converter(object())


def test_structured_inputs_of_a_nested_model():
    a, b = keras.Input((2,), name="a"), keras.Input((2,), name="b")
    inner = keras.Model({"a": a, "b": b}, layers.Subtract()([a, b]))
    x, y = keras.Input((2,)), keras.Input((2,))
    assert_converts(keras.Model([x, y], inner({"a": x, "b": y})))


@pytest.mark.parametrize("scale", [5.0, {"dense": 5.0}])
def test_rate_neurons_do_not_change_with_the_firing_rate_scale(scale):
    neurons = nengo.RectifiedLinear(amplitude=2)
    model = build((3,), layers.Dense(4, "relu"))
    plain = spikeport.Converter(model, swap_activations={"relu": neurons})
    scaled = spikeport.Converter(model, swap_activations={"relu": neurons}, scale_firing_rates=scale)
    x = samples(model)
    np.testing.assert_allclose(scaled.predict(x, 1)["dense"], plain.predict(x, 1)["dense"], rtol=1e-12, atol=1e-12)
    assert neurons.amplitude == 2
    assert scaled.layers["dense"].ensemble.neuron_type.amplitude == 2 / 5
    assert_converts(model, scale_firing_rates=scale)


def test_scaling_neurons_without_amplitude_changes_the_output():
    model = build((3,), layers.Dense(4, "sigmoid"))
    with pytest.warns(UserWarning, match=r"does not support amplitude \(Sigmoid\); this will change the output"):
        converter = spikeport.Converter(model, scale_firing_rates=5)
    with pytest.raises(ValueError, match="does not match"):
        converter.verify(inputs=samples(model))
    assert [note.code for note in converter.report.notes] == ["scale-without-amplitude"]


@pytest.mark.parametrize("bias", [0.0, 20.0])
@pytest.mark.parametrize("as_mapping", [False, True])
def test_spikes_are_lower_and_more_by_the_scale(bias, as_mapping):
    still = Spikes(initial_state={"voltage": nengo.dists.Choice([0])})
    first = layers.Dense(4, "relu", kernel_initializer="identity", bias_initializer=keras.initializers.Constant(bias))
    second = layers.ReLU()
    model = keras.Model(x := keras.Input((4,)), [first(x), second(x)])
    scale, dt, n_steps = 3, 0.001, 100
    scales = {first: scale, "re_lu": 7} if as_mapping else scale
    if as_mapping:
        scales = {first: scale, second: 7}
    converter = spikeport.Converter(model, swap_activations={"relu": still}, scale_firing_rates=scales)
    values = np.array([[0.0, 10.0, 35.0, 60.0]], np.float32)
    found = converter.predict(values, n_steps, dt=dt)
    for name, factor, drive in (
        (first.name, scale, values + bias),
        (second.name, 7 if as_mapping else scale, values),
    ):
        spikes = found[name][0] > 0
        np.testing.assert_allclose(found[name][0][spikes], 1 / dt / factor)
        assert np.abs(spikes.sum(axis=0) - factor * drive[0] * n_steps * dt).max() < 1.001


def test_firing_rate_scales_find_their_layers():
    inner = build((3,), layers.Dense(3, "relu", name="a"), layers.Dense(3, "relu", name="b"))
    x = keras.Input((3,))
    model = keras.Model(x, layers.Dense(2, "relu", name="c")(inner(x)))
    converter = spikeport.Converter(model, scale_firing_rates={inner: 2, inner.get_layer("b"): 3})
    gains = [float(converter.layers[name].ensemble.gain[0]) for name in (f"{inner.name}/a", f"{inner.name}/b", "c")]
    assert gains == [2, 3, 1]
    with pytest.warns(UserWarning, match="scale_firing_rates contained nothing_like_it"):
        converter = spikeport.Converter(model, scale_firing_rates={"nothing_like_it": 3})
    assert [note.code for note in converter.report.notes] == ["option-unused"]


def test_the_mappings():
    a, b = keras.Input((4,)), keras.Input((4,))
    add, dense, twice = layers.Add(), layers.Dense(3, "relu"), layers.Reshape((4, 1))
    total = add([a, b])
    out, once, again = dense(total), twice(a), twice(b)
    model = keras.Model([a, b], [out, once, again])
    converter = spikeport.Converter(model)
    assert len(converter.inputs) == 2
    assert len(converter.outputs) == 3
    assert len(converter.layers) == 6
    assert converter.inputs[a] in converter.net.all_nodes
    assert converter.layers[a] is converter.inputs[a] is converter.inputs[a._keras_history.operation]
    assert isinstance(converter.outputs[out], nengo.Probe)
    assert converter.outputs[out].target is converter.layers[out] is converter.layers[dense] is converter.layers[[out]]
    assert converter.layers["dense"] is converter.layers[dense] or dense.name != "dense"
    assert converter.layers[add].size_in == 4
    assert converter.layers[once] is converter.inputs[a]  # a reshape has no object of its own
    with pytest.raises(KeyError, match="is ambiguous because it has been called multiple times"):
        converter.layers[twice]
    with pytest.raises(KeyError, match="is not part of the model"):
        converter.layers["another"]
    assert list(converter.inputs) == [(a,), (b,)]
    assert list(converter.outputs) == [(out,), (once,), (again,)]
    assert all(converter.layers[key] is value for key, value in converter.layers.items())
    assert dense.name in repr(converter.layers)


def test_outputs_in_the_middle_of_the_model():
    x0 = keras.Input((3,))
    x1 = layers.Dense(3)(x0)
    x2 = layers.ReLU()(x1)
    converter = assert_converts(keras.Model(x0, [x0, x2, x1]))
    assert [p.size_in for p in converter.outputs.values()] == [3, 3, 3]


def test_the_synapse_is_on_what_leaves_neurons():
    x = keras.Input((4,))
    first, second, last = layers.Dense(5, "relu"), layers.Dense(3), layers.Dense(2, "relu")
    model = keras.Model(x, [first(x), second(first.output), last(second.output)])
    converter = spikeport.Converter(model, synapse=0.1)
    lowpass = nengo.Lowpass(0.1)
    found = [connection.synapse for connection in converter.net.all_connections]
    assert found.count(lowpass) == 1
    assert all(
        c.synapse is None for c in converter.net.all_connections if not isinstance(c.pre, nengo.ensemble.Neurons)
    )
    probes = [converter.outputs[t].synapse for t in model.outputs]
    assert probes == [lowpass, None, lowpass]
    assert spikeport.Converter(model, synapse=nengo.Alpha(0.1)).synapse == nengo.Alpha(0.1)


def test_unused_swaps_are_told():
    model = build((3,), layers.Dense(4, "relu"), layers.Dense(4, "tanh"))
    swaps = {"relu": Spikes(), "sigmoid": Spikes(), nengo.LIF(): Spikes(amplitude=3)}
    with pytest.warns(UserWarning, match=r"swap_activations contained .*sigmoid.*, but there were no layers"):
        converter = spikeport.Converter(model, swap_activations=swaps)
    assert converter.swap_activations.unused_keys() == {"sigmoid", nengo.LIF()}
    assert [note.code for note in converter.report.notes] == ["option-unused"]
    used = spikeport.Converter(model, swap_activations={"relu": Spikes(), keras.activations.tanh: "relu"})
    assert not used.swap_activations.unused_keys()
    assert len(converter.swap_activations) == 3
    assert set(converter.swap_activations) == set(swaps)
    assert keras.activations.relu in converter.swap_activations
    assert converter.swap_activations["relu"] == Spikes()
    with pytest.raises(spikeport.UsageError, match="expected an activation out of"):
        spikeport.Converter(model, swap_activations={"rellu": Spikes()})


@pytest.mark.parametrize("timesteps", [10, None])
def test_temporal_models(timesteps):
    x2 = keras.Input((timesteps, 2, 2, 1))
    y = layers.TimeDistributed(layers.Conv2D(3, 2, activation="relu"))(x2)
    y = layers.TimeDistributed(layers.Flatten())(y)
    model = keras.Model(x2, layers.Concatenate(axis=2)([layers.Dense(3, "tanh")(y), layers.Dropout(0.3)(y)]))
    randomise(model)
    converter = spikeport.Converter(model, allow_fallback=False, temporal_model=True)
    assert converter.verify()
    sequences = np.random.default_rng(0).normal(size=(2, 7 if timesteps is None else 10, 2, 2, 1)).astype(np.float32)
    assert converter.verify(inputs=[sequences])
    found = converter.predict(sequences)
    np.testing.assert_allclose(next(iter(found.values())), np.asarray(model(sequences)), atol=1e-5)
    with pytest.raises(spikeport.DataError, match="expected sequences of shape"):
        converter.predict(sequences[0])


def test_a_temporal_model_holds_layers_that_treat_their_steps_alike():
    model = build((10, 2), layers.Conv1D(2, 3))
    with pytest.raises(TypeError, match="does not treat the steps of a sequence alike"):
        spikeport.Converter(model, temporal_model=True)
    with pytest.raises(TypeError, match="expected an input with a time axis"):
        spikeport.Converter(build((10,), layers.Dense(2)), temporal_model=True)


def test_without_temporal_model_the_time_axis_is_data():
    assert_converts(build((4, 3), layers.TimeDistributed(layers.Dense(2, "relu"))))


@contextlib.contextmanager
def warnings_of_fallbacks():
    """The small model has max pooling and a softmax, and two warnings."""
    with pytest.warns(UserWarning, match=r"Falling back"), pytest.warns(UserWarning, match="falling back"):
        yield


def test_verify_says_what_it_cannot_do(small_h5):
    with warnings_of_fallbacks():
        converter = spikeport.Converter(small_h5)
    with pytest.raises(ValueError, match="this Converter was given a file"):
        converter.verify()
    with pytest.raises(ValueError, match=r"a nengo\.Network is not trained"):
        converter.verify(training=True)


def test_a_file_is_found_by_name(small_h5):
    with warnings_of_fallbacks():
        converter = spikeport.Converter(small_h5)
    with warnings_of_fallbacks():
        live = spikeport.Converter(keras.models.load_model(small_h5, compile=False))
    assert list(converter.layers) == [keys[0]._keras_history.operation.name for keys in live.layers]
    assert list(converter.inputs) == ["image"]
    x = np.random.default_rng(0).uniform(size=(2, 6, 6, 1))
    found, expected = (c.predict(x, 1, record=[list(c.layers)[1]]) for c in (converter, live))
    assert found.keys() == expected.keys()
    for name in found:
        np.testing.assert_allclose(found[name], expected[name])
    with pytest.raises(TypeError, match="softmax"):
        spikeport.Converter(small_h5, allow_fallback=False)


def spiking_model():
    model = build(
        (6, 6, 2),
        layers.Conv2D(4, 3, activation="relu", name="conv"),
        layers.AveragePooling2D(2),
        layers.Flatten(),
        layers.Dense(5, "relu", name="dense"),
        layers.Dense(3, name="out"),
    )
    return model


NEURONS = {
    "if": Spikes(),
    "lif": nengo.LIF(),
    "adaptive": nengo.AdaptiveLIF(),
    "regular": nengo.RegularSpiking(nengo.RectifiedLinear()),
    "own": spikeport.SignedIntegrateAndFire(),
    "own-graded": spikeport.SignedIntegrateAndFire(n_min=-1, n_max=4),
}


@pytest.mark.parametrize("synapse", [None, 0.005, nengo.Alpha(0.003), nengo.synapses.Triangle(0.004)], ids=str)
@pytest.mark.parametrize("neurons", NEURONS)
def test_predict_equals_the_simulator(neurons, synapse):
    model = spiking_model()
    converter = spikeport.Converter(
        model, swap_activations={"relu": NEURONS[neurons]}, scale_firing_rates=200, synapse=synapse
    )
    x = samples(model, 2)[0]
    found = converter.predict(x, 25, record=["dense", "conv"], batch_size=1)
    for index in range(2):
        np.testing.assert_allclose(found["out"][index], simulated(converter, [x[index]], 25), atol=1e-9)
    assert found["conv"].shape == (2, 25, 4, 4, 4)
    assert found["dense"].any()
    for node in converter.inputs.values():
        node.output = np.zeros(node.size_out)
    whole = converter.predict({converter.inputs[model.inputs[0]]: x}, 25)
    np.testing.assert_allclose(whole["out"], found["out"], atol=1e-9)


def test_random_neuron_types_run_in_batches():
    model = build((3,), layers.Dense(4, "relu"))
    converter = spikeport.Converter(
        model, swap_activations={"relu": nengo.PoissonSpiking(nengo.RectifiedLinear())}, scale_firing_rates=100
    )
    x = samples(model)
    found = converter.predict(x, 2000)["dense"].mean(axis=1)
    np.testing.assert_allclose(found, np.asarray(model(x[0])), atol=0.15)


def test_spikeports_own_neurons_lose_nothing():
    model = spiking_model()
    x = samples(model, 4)[0]
    expected = np.asarray(model(x))
    errors = []
    for n_steps in (250, 1000):
        neurons = spikeport.SignedIntegrateAndFire(n_min=-1, n_max=4)
        converter = spikeport.Converter(model, swap_activations={"relu": neurons}, scale_firing_rates=500)
        found = converter.predict(x, n_steps)["out"].mean(axis=1)
        errors.append(float(np.abs(found - expected).max() / np.ptp(expected)))
    assert errors[1] < errors[0] / 2 < 0.02
    assert converter.report.layers[1].code == "spiking"


def test_the_network_is_the_same_at_every_conversion():
    model = spiking_model()
    first, second = (spikeport.Converter(model, swap_activations={"relu": Spikes()}) for _ in range(2))
    assert first.net.seed == second.net.seed
    x = samples(model, 1)
    np.testing.assert_array_equal(first.predict(x, 20)["out"], second.predict(x, 20)["out"])


def test_predict_refuses_what_only_the_simulator_can_run():
    model = build((3,), layers.Dense(4, "relu"))
    converter = spikeport.Converter(model)
    with converter.net:
        ensemble = nengo.Ensemble(10, 3)
        nengo.Connection(
            converter.inputs["input_layer"]
            if "input_layer" in converter.inputs
            else next(iter(converter.inputs.values())),
            ensemble,
        )
    with pytest.raises(spikeport.BackendError, match=r"run the network in nengo.Simulator"):
        converter.predict(samples(model), 2)
    with pytest.raises(spikeport.UsageError, match="n_steps of at least 1"):
        spikeport.Converter(model).predict(samples(model))


def test_batches_of_a_network_of_nodes_and_neurons():
    with nengo.Network(seed=0) as net:
        source = nengo.Node(np.zeros(4))
        clock = nengo.Node(lambda t: np.sin(100 * t))
        neurons = nengo.Ensemble(6, 1, neuron_type=nengo.LIF(), gain=np.arange(1, 7.0), bias=np.ones(6)).neurons
        target = nengo.Node(lambda t, x: x + t, size_in=2)
        nengo.Connection(source[[0, 2]], neurons[[1, 5]], synapse=None)
        nengo.Connection(clock, neurons[:1], synapse=0.01, transform=100)
        nengo.Connection(source, neurons[2:4], transform=np.ones((2, 4)), synapse=nengo.Alpha(0.01))
        nengo.Connection(neurons[::3], target, synapse=None)
        nengo.Connection(target, neurons[4], transform=[[0.1, 0.2]], synapse=0.002)
        probe = nengo.Probe(target, synapse=0.01)
    x = np.array([[1.0, 2, 3, 4], [4, 3, 2, 1]])
    found = BatchedNetwork(net, 0.001).run({source: x}, 30, {"target": (target, probe.synapse)})["target"]
    for index in range(2):
        source.output = x[index]
        with nengo.Simulator(net, model=Model(), progress_bar=False) as simulator:
            simulator.run_steps(30)
        np.testing.assert_allclose(found[index], simulator.data[probe], atol=1e-10)
    source.output = np.zeros(4)
    with net:
        nengo.Connection(target, target, synapse=None)
    with pytest.raises(spikeport.BackendError, match="a loop without one"):
        BatchedNetwork(net, 0.001)


@pytest.mark.slow
def test_densenet_converts_without_fallback():
    model = keras.applications.DenseNet121(weights=None, include_top=False, input_shape=(112, 112, 3))
    converter = spikeport.Converter(model, allow_fallback=False, inference_only=True, max_to_avg_pool=True)
    assert len(converter.layers) == len(model.layers)
