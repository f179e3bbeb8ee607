"""The author's files: read, put together, and what they may hold."""
