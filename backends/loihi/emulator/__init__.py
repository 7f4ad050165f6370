"""The chip's arithmetic, compiled: what nengo-loihi built and discretised, for many samples at once, bit for bit."""
