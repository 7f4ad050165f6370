"""The Converter's network is plain Nengo: nengo-loihi's own simulator takes it, as it took NengoDL's."""

from __future__ import annotations

import importlib.util
import warnings

import keras
import numpy as np
import pytest
from keras import layers

import spikeport

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("nengo_loihi") is None, reason="nengo-loihi is not installed: spikeport[loihi]"
)


@pytest.mark.loihi
def test_the_network_runs_in_nengo_loihis_simulator():
    from spikeport.backends.loihi.compatibility import import_nengo_loihi

    nengo_loihi = import_nengo_loihi()
    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 1))
    spikes = layers.Conv2D(3, 1, activation="relu", name="spikes")(image)
    hidden = layers.Conv2D(6, 3, strides=2, activation="relu", name="hidden")(spikes)
    model = keras.Model(image, layers.Dense(4, name="scores")(layers.Flatten()(hidden)))
    converter = spikeport.Converter(
        model,
        swap_activations={keras.activations.relu: nengo_loihi.neurons.LoihiSpikingRectifiedLinear()},
        scale_firing_rates=300,
        synapse=0.005,
    )
    x = np.random.default_rng(0).uniform(0.3, 1, (1, 8, 8, 1)).astype(np.float32)
    with converter.net:
        nengo_loihi.add_params(converter.net)
        converter.net.config[converter.layers["spikes"].ensemble].on_chip = False
    (source,) = converter.inputs.values()
    source.output = x.reshape(-1)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "NengoLoihi does not support initial values", UserWarning)
        warnings.filterwarnings("ignore", "invalid value encountered in cast", RuntimeWarning)
        with nengo_loihi.Simulator(converter.net, target="sim", progress_bar=False) as simulator:
            simulator.run_steps(150)
    (probe,) = converter.outputs.values()
    found = simulator.data[probe][50:].mean(axis=0)
    expected = np.asarray(model(x))[0]
    assert np.corrcoef(found, expected)[0, 1] > 0.9
