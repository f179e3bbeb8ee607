"""The catalog ranked for a batch of orders, and the slots of each filled."""
