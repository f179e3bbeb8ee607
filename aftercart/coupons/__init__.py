"""Codes of the shop, each handed out once."""
