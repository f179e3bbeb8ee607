"""A connection to an SMTP server on which nothing waits: its socket, its dialog, and until when an answer must come."""

import ssl
from time import monotonic

from aftercart.delivery.base import Message, Receipt
from aftercart.delivery.smtp.dialog import Dialog, Parcel
from aftercart.delivery.smtp.opening import Opened, Timeouts

CHUNK = 65_536


class Line:
    """One open connection. Not for several threads at a time."""

    def __init__(self, opened: Opened, timeouts: Timeouts) -> None:
        self._socket = opened.socket
        self._timeouts = timeouts
        self.dialog = Dialog(opened.offers)
        self.used_at = monotonic()
        self.deadline = self.used_at + timeouts.command

    def fileno(self) -> int:
        return self._socket.fileno()

    @property
    def wants_to_write(self) -> bool:
        """Whether the network has not taken all yet."""
        return bool(self.dialog.unsent)

    @property
    def ready(self) -> Message | None:
        """The message whose body may follow."""
        return self.dialog.ready

    def open(self, parcel: Parcel) -> None:
        """Announce a message."""
        self.dialog.open(parcel)
        self.flush()

    def hand_over(self) -> None:
        """Let the body of the ready message go."""
        self.dialog.hand_over()
        self.flush()

    def flush(self) -> None:
        """Write what the network takes."""
        unsent = self.dialog.unsent
        try:
            while unsent:
                del unsent[: self._socket.send(unsent)]
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            pass
        except OSError as err:
            self._break_off(err)
        self._await_an_answer()

    def read(self) -> list[Receipt]:
        """Read what has come; the receipts that it settles."""
        receipts: list[Receipt] = []
        try:
            while self.dialog.lost is None:
                data = self._socket.recv(CHUNK)
                if not data:
                    self.dialog.break_off("the server closed it")
                    break
                receipts += self.dialog.hear(data)
                if len(data) < CHUNK and not isinstance(self._socket, ssl.SSLSocket):
                    break
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError as err:
            self._break_off(err)
        self.flush()
        return receipts

    def _break_off(self, err: OSError) -> None:
        self.dialog.break_off(str(err) or type(err).__name__)

    def _await_an_answer(self) -> None:
        self.used_at = monotonic()
        patience = self._timeouts.final_dot if self.dialog.awaits_the_final_reply else self._timeouts.command
        self.deadline = self.used_at + patience

    def quit(self) -> None:
        """Say good-bye without waiting for the answer, and close."""
        self.dialog.unsent += b"QUIT\r\n"
        self.flush()
        self.drop()

    def drop(self) -> None:
        """Close without a word. A message without its final dot is forgotten (RFC 5321 §4.1.1.4)."""
        self._socket.close()
