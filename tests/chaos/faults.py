"""What a mail server can do to a mail, and what it has taken."""

from dataclasses import dataclass
from enum import Enum


class Does(Enum):
    """What it does in place of an answer."""

    HANG_UP = "hangs up"
    RESET = "resets the connection"
    STAY_SILENT = "says nothing until `let_go`, then hangs up"
    ANSWER_WHEN_LET_GO = "says nothing until `let_go`, then answers as usual"
    TRICKLE = "answers a letter at a time"
    GARBAGE = "answers with what is no SMTP"
    BREAK_TLS = "breaks off the handshake"


FOR_EVER = 1_000_000


@dataclass(frozen=True)
class Fault:
    """What happens `times` times at one point of the conversation; then all is well."""

    at: str
    """connect, ehlo, starttls, mail, rcpt, data or body."""
    does: str | Does
    times: int = 1
    leaves_in_doubt: bool = False
    """The sender cannot know whether the mail was taken."""

    @property
    def is_refusal(self) -> bool:
        """Whether it clearly says no."""
        return isinstance(self.does, str) and self.does.startswith(("4", "5"))

    @property
    def is_final(self) -> bool:
        """The mail need not arrive: refused for good, or for ever."""
        return self.times == FOR_EVER or (isinstance(self.does, str) and self.does.startswith("5"))


@dataclass(frozen=True)
class Taken:
    """A mail that arrived whole and was not refused."""

    message_id: str
    recipient: str
    campaign: str
    step: str
    at: float
