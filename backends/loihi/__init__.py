"""Loihi: place a network on neuro-cores, quantise it, and emulate the chip or run on it."""
