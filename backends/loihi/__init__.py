"""Loihi: place a network on neuro-cores, quantise it, and run it on nengo-loihi's emulator."""
