"""Consent: who may be written to for marketing, and what proves it. An append-only ledger and how it is read."""
