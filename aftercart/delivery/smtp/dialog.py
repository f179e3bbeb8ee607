"""What is said on one SMTP connection (RFC 5321), without a socket: bytes in, bytes and receipts out.

    MAIL, RCPT, DATA  →  354  →  ready: may it go?  →  body and final dot  →  250

Until the body leaves nothing can have been delivered; between the body and its reply nobody knows (RFC 1047). Where
the server offers PIPELINING (RFC 2920 §3.1), the commands of the next message follow the body at once; so a message
costs one round trip instead of four.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from aftercart.delivery.base import Message, Outcome, Receipt
from aftercart.delivery.smtp.envelope import END, Envelope, dot_stuffed
from aftercart.delivery.smtp.opening import LostError
from aftercart.delivery.smtp.reply import SERVICE_CLOSING, Phase, Reply, refusal
from aftercart.delivery.words import as_words

LONGEST_LINE = 8192
"""No server's reply has a longer line; RFC 5321 §4.5.3.1.5 allows 512."""


@dataclass(slots=True)
class Parcel:
    """A message in its envelope. `tried`: a connection broke before its body left."""

    message: Message
    envelope: Envelope
    tried: bool = False


@dataclass(slots=True)
class _Opening:
    """A message whose body has not left yet."""

    parcel: Parcel
    unsaid: deque[Phase]
    refused: tuple[Phase, Reply] | None = None
    taken: bool = False
    """The server said 354."""


@dataclass(slots=True)
class Remains:
    """What a broken connection leaves: the receipts of messages with a known or hopeless fate, and one to try again."""

    receipts: list[Receipt] = field(default_factory=list)
    parcel: Parcel | None = None
    """Its body has not left."""
    innocent: bool = False
    """The connection broke about the message before it."""
    broke_over_it: bool = False
    """It broke when the server had heard who the message is for."""


class _Cleared(StrEnum):
    """Replies that concern no message any more."""

    EMPTY_BODY = "empty body"
    RESET = "reset"


class Dialog:
    """Our side of a conversation, from the login on. It ends when `lost` is set."""

    def __init__(self, offers: Mapping[str, str]) -> None:
        self._offers = offers
        self._replies = _ReplyReader()
        self._awaited: deque[Phase | _Cleared] = deque()
        self._opening: _Opening | None = None
        self._body: Parcel | None = None
        self._broke_about_the_body = False
        self._refused_all_mail = False
        self.unsent = bytearray()
        self.lost: LostError | None = None
        self.served = 0
        """How many messages have got an answer here."""

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way."""
        return not (self.lost or self._awaited or self._opening or self.unsent)

    @property
    def can_take(self) -> bool:
        """Whether a further message may be opened."""
        if self.lost or self._opening or _Cleared.RESET in self._awaited:
            return False
        return self._body is None or self._pipelines

    @property
    def awaits_the_final_reply(self) -> bool:
        """Whether a body is out whose reply has not come."""
        return self._body is not None

    @property
    def ready(self) -> Message | None:
        """The message that the server waits for, all replies heard."""
        opening = self._opening
        return opening.parcel.message if opening and opening.taken and not self._awaited else None

    def takes(self, envelope: Envelope) -> bool:
        """Whether the server can take such addresses."""
        return not envelope.needs_smtputf8 or "smtputf8" in self._offers

    # ---------------------------------------------------------------- what we say

    def open(self, parcel: Parcel) -> None:
        """Say MAIL, RCPT and DATA, as many of them at once as the server allows."""
        self._opening = _Opening(parcel, deque((Phase.MAIL, Phase.RCPT, Phase.DATA)))
        self._say(self._opening)

    def hand_over(self) -> None:
        """Let the body of the ready message go."""
        opening, self._opening = self._opening, None
        if opening is None:
            raise ValueError("no message is ready")
        self._body = opening.parcel
        self.unsent += dot_stuffed(opening.parcel.envelope.body)
        self.unsent += END
        self._awaited.append(Phase.BODY)

    def _say(self, opening: _Opening) -> None:
        while opening.unsaid:
            phase = opening.unsaid.popleft()
            self.unsent += self._command(phase, opening.parcel.envelope)
            self._awaited.append(phase)
            if not self._pipelines:
                return

    def _command(self, phase: Phase, envelope: Envelope) -> bytes:
        if phase is Phase.DATA:
            return b"DATA\r\n"
        if phase is Phase.RCPT:
            return f"RCPT TO:<{envelope.rcpt_to}>\r\n".encode()
        options = f" SIZE={len(envelope.body)}" if "size" in self._offers else ""
        if "8bitmime" in self._offers and not envelope.body.isascii():
            options += " BODY=8BITMIME"
        if envelope.needs_smtputf8:
            options += " SMTPUTF8"
        return f"MAIL FROM:<{envelope.mail_from}>{options}\r\n".encode()

    @property
    def _pipelines(self) -> bool:
        return "pipelining" in self._offers

    # ---------------------------------------------------------------- what we hear

    def hear(self, data: bytes) -> list[Receipt]:
        """The receipts that these bytes settle. If they end the conversation, `lost` is set."""
        receipts = []
        for reply in self._replies.read(data):
            receipt = self._answered(reply)
            if receipt:
                receipts.append(receipt)
            if self.lost:
                break
        return receipts

    def _answered(self, reply: Reply) -> Receipt | None:
        if not self._awaited:  # it says good-bye unasked
            self._lose(reply)
            return None
        point = self._awaited.popleft()
        if point is Phase.BODY:
            return self._body_answered(reply)
        if not isinstance(point, Phase):
            if point is _Cleared.RESET and not reply.is_positive:
                self._lose(reply)
            return None
        return self._command_answered(point, reply)

    def _body_answered(self, reply: Reply) -> Receipt | None:
        """Without a clear reply the outcome is unknown, whatever went wrong."""
        parcel, self._body = self._body, None
        if parcel is None:
            raise ValueError("no body is out")
        if reply.code == SERVICE_CLOSING or not (reply.is_positive or reply.is_refusal):
            self._broke_about_the_body = True
            self._lose(reply)
        self.served += 1
        send_id = parcel.message.send_id
        if reply.is_positive:
            return Receipt(send_id, Outcome.ACCEPTED, str(reply), code=reply.code)
        if reply.is_refusal:
            return refusal(send_id, reply, Phase.BODY)
        return Receipt(send_id, Outcome.UNKNOWN, str(reply), code=reply.code, fault_is_ours=True)

    def _command_answered(self, phase: Phase, reply: Reply) -> Receipt | None:
        opening = self._opening
        if opening is None:
            raise ValueError(f"no message waits for an answer to {phase}")
        if reply.code == SERVICE_CLOSING or not 200 <= reply.code < 600:
            self._refused_all_mail = phase is Phase.MAIL
            self._lose(reply)
            return None
        if not _agrees(phase, reply):
            opening.refused = opening.refused or (phase, reply)
            opening.unsaid.clear()
        elif phase is Phase.DATA:
            opening.taken = True
        self._say(opening)
        return self._refused(opening) if opening.refused and not self._awaited else None

    def _refused(self, opening: _Opening) -> Receipt:
        """Make the connection ready for the next message."""
        if opening.taken:  # pipelined: an empty body ends what RCPT has refused (RFC 2920 §3.1)
            self.unsent += END
            self._awaited.append(_Cleared.EMPTY_BODY)
        self.unsent += b"RSET\r\n"
        self._awaited.append(_Cleared.RESET)
        self._opening = None
        self.served += 1
        return _refusal(opening)

    # ---------------------------------------------------------------- the end

    def break_off(self, words: str) -> None:
        """The connection broke, or nothing came for too long."""
        self.lost = self.lost or LostError(None, f"connection lost: {words}")

    def _lose(self, reply: Reply) -> None:
        self.lost = LostError(reply, str(reply))

    def remains(self) -> Remains:
        """What becomes of the messages under way, once the connection is lost."""
        left = Remains(innocent=self._broke_about_the_body or self._body is not None)
        if self._body is not None:
            response = as_words(str(self.lost))
            send_id = self._body.message.send_id
            left.receipts.append(Receipt(send_id, Outcome.UNKNOWN, response, fault_is_ours=True))
        opening = self._opening
        if opening and opening.refused:  # it refused and hung up: the refusal is the answer
            left.receipts.append(_refusal(opening))
        elif opening:
            left.parcel = opening.parcel
            left.broke_over_it = Phase.RCPT not in opening.unsaid and not self._refused_all_mail
        self._body = self._opening = None
        return left


def _refusal(opening: _Opening) -> Receipt:
    if opening.refused is None:
        raise ValueError("it was not refused")
    phase, reply = opening.refused
    return refusal(opening.parcel.message.send_id, reply, phase)


def _agrees(phase: Phase, reply: Reply) -> bool:
    return reply.code == 354 if phase is Phase.DATA else reply.is_positive


class _ReplyReader:
    """Bytes → whole replies (RFC 5321 §4.2.1). What is no reply has the code -1."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._texts: list[bytes] = []

    def read(self, data: bytes) -> Iterator[Reply]:
        self._buffer += data
        while (end := self._buffer.find(b"\n")) >= 0:
            line = bytes(self._buffer[:end]).rstrip(b"\r")
            del self._buffer[: end + 1]
            self._texts.append(line[4:].strip())
            code = int(line[:3]) if len(line) >= 3 and line[:3].isdigit() else -1
            if code < 0 or line[3:4] != b"-":
                yield self._whole(code, line)
        if len(self._buffer) > LONGEST_LINE:
            yield self._whole(-1, bytes(self._buffer[:LONGEST_LINE]))

    def _whole(self, code: int, line: bytes) -> Reply:
        texts, self._texts = self._texts, []
        return Reply.of(code, b"\n".join(texts) if code >= 0 else line)
