"""A person's rights: to see all that is kept of them, and to be forgotten."""
