"""A mail as it was handed over, as bytes and back again: what is given once more must be the same to the letter."""

import json
import zlib
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from aftercart.delivery.base import Message


def packed(message: Message) -> bytes:
    """The mail as bytes."""
    plain = {**asdict(message), "headers": dict(message.headers)}
    return zlib.compress(json.dumps(plain, default=str, ensure_ascii=False).encode())


def unpacked(kept: bytes) -> Message:
    """The mail that was packed."""
    plain = json.loads(zlib.decompress(kept))
    return Message(
        **{**plain, "send_id": UUID(plain["send_id"]), "date": datetime.fromisoformat(plain["date"])},
    )
