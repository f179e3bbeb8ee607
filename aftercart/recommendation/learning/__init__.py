"""From past orders to a model, and whether it may serve."""
