"""Compiled templates at work: Jinja alone, for every mail."""
