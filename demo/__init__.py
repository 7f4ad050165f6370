"""The demo: a small trained model and real images that need no download."""
