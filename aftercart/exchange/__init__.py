"""Amounts in other currencies, converted by a table that the shop gives."""
