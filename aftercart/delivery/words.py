"""How the words of others (a mail server, a mail service, whoever reports a bounce) are kept. Pure."""

import re

LIMIT = 500
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


def as_words(text: str) -> str:
    """The words as they are kept: one line, not long, and text that a database takes (no lone surrogates)."""
    return _CONTROL.sub(" ", text).strip()[:LIMIT].encode("utf-8", "replace").decode()
