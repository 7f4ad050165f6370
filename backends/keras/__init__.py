"""Keras: the network as a differentiable model, on TensorFlow, JAX and torch."""
