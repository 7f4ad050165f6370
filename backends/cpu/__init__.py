"""The cpu backend: batched, layer by layer over all steps, compiled neurons."""
