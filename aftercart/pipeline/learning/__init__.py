"""Models are trained, looked after and asked."""
