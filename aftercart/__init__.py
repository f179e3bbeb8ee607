"""Aftercart: a completed order becomes one relevant, lawful, measured mail.

Start with `aftercart/pipeline/`: its first page names the files that tell the whole story.
"""

__version__ = "0.1.0"
