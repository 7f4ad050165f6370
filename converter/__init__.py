"""From a trained Keras model to a spiking network: sources → layers → graph → passes → spiking."""
