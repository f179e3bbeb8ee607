"""How long an answer is awaited."""

import socket

from aftercart.delivery.mime import to_bytes
from aftercart.delivery.smtp.dialog import Parcel
from aftercart.delivery.smtp.envelope import envelope_of
from aftercart.delivery.smtp.line import Line
from aftercart.delivery.smtp.opening import Opened, Timeouts
from tests.messages import a_message


def test_the_answer_to_the_final_dot_is_awaited_longer_than_others() -> None:
    """RFC 5321 §4.5.3.2.6: a spurious time-out here delivers the mail twice elsewhere."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        line = Line(Opened(ours, {"pipelining": ""}), Timeouts(command=16, final_dot=1024))
        message = a_message()
        line.open(Parcel(message, envelope_of(message, to_bytes(message))))
        assert round(line.deadline - line.used_at) == 16
        theirs.sendall(b"250 fine\r\n250 fine\r\n354 go ahead\r\n")
        assert line.read() == []
        assert round(line.deadline - line.used_at) == 16
        line.hand_over()
        assert round(line.deadline - line.used_at) == 1024
        theirs.sendall(b"250 queued\r\n")
        (receipt,) = line.read()
        assert receipt.send_id == message.send_id
