"""What is asked for an order, and what must never be the answer."""
