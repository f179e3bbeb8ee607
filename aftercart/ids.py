"""Identifiers that we make ourselves."""

import os
import time
from uuid import UUID


def new_id() -> UUID:
    """A UUID of version 7 (RFC 9562 §5.7): 48 bits of milliseconds, then 74 random bits.

    Ids made one after the other sort together, so that inserts touch the end of an index and not all of it.
    """
    milliseconds = time.time_ns() // 1_000_000
    random_bits = int.from_bytes(os.urandom(10))
    value = (milliseconds & (2**48 - 1)) << 80 | random_bits
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)


def shuffled(id_: UUID) -> bytes:
    """To sort by: always the same order, that has nothing to do with the one in which the ids were made."""
    return id_.bytes[8:]
