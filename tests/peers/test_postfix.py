"""Postfix's own test server takes our mails: an SMTP peer that nobody here wrote."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep

import pytest

from aftercart.delivery.base import Message, Outcome
from aftercart.delivery.senders import sender_from_url
from aftercart.ids import new_id
from tests.messages import always

pytestmark = pytest.mark.peers


@pytest.fixture
def smtp_sink(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The URL of Postfix's `smtp-sink`, and the folder into which it writes what it took."""
    program = shutil.which("smtp-sink") or "/usr/sbin/smtp-sink"
    if not Path(program).exists():
        pytest.fail("Postfix is not installed: apt-get install postfix")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [program, "-c", "-u", "nobody", "-d", "mail-%M.", f"127.0.0.1:{port}", "100"]
    tmp_path.chmod(0o777)
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _wait_for(port)
        yield f"smtp://127.0.0.1:{port}", tmp_path
        process.terminate()


def _wait_for(port: int) -> None:
    deadline = monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert monotonic() < deadline, "smtp-sink does not listen"
            sleep(0.05)
        else:
            return


def test_postfix_takes_a_batch_byte_for_byte(smtp_sink: tuple[str, Path]) -> None:
    """T39: also lines that begin with a dot, and letters beyond ASCII."""
    url, folder = smtp_sink
    messages = [_message(number) for number in range(3)]
    sender = sender_from_url(url)
    receipts = list(sender.send_batch(messages, always))
    sender.close()
    assert [receipt.outcome for receipt in receipts] == [Outcome.ACCEPTED] * 3
    taken = b"".join(file.read_bytes() for file in folder.glob("mail-*"))
    assert all(message.message_id.encode() in taken for message in messages)
    assert taken.count(b"List-Unsubscribe-Post: List-Unsubscribe=One-Click") == 3


def _message(number: int) -> Message:
    send_id = new_id()
    return Message(
        send_id=send_id,
        message_id=f"<{send_id}@example.com>",
        sender="Zoë's Bikes <hello@example.com>",
        recipient=f"ada{number}@example.com",
        subject="Für dein Rad",
        html="<p>.dots\n.\n..</p>",
        text=".dots\n.\n..",
        date=datetime.now(UTC),
        headers={"List-Unsubscribe-Post": "List-Unsubscribe=One-Click"},
    )
