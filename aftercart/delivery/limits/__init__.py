"""What a sender may do now: quotas, the breaker, and what all workers know of them together."""
