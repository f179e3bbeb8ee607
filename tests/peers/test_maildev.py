"""MailDev, a mail trap that many developers know, takes our mails byte for byte."""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx
import pytest

from aftercart.delivery.base import Outcome
from aftercart.delivery.mime import to_bytes
from aftercart.delivery.senders import sender_from_url
from tests.messages import a_message, always
from tests.ports import free_port

pytestmark = pytest.mark.peers

INSTALLED = Path(__file__).parents[2] / ".cache" / "node" / "node_modules" / ".bin" / "maildev"


@dataclass(frozen=True)
class MailDev:
    """Takes mail on one port, shows it on another."""

    smtp: int
    web: int

    def mails(self) -> list[dict[str, Any]]:
        """What it has understood of the mails so far."""
        found: list[dict[str, Any]] = httpx.get(f"http://127.0.0.1:{self.web}/email", timeout=30).json()
        return found

    def as_it_came(self, mail: dict[str, Any]) -> bytes:
        """The bytes of one."""
        return httpx.get(f"http://127.0.0.1:{self.web}/email/{mail['id']}/download", timeout=30).content

    def is_up(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.web}/healthz", timeout=30).status_code == 200
        except httpx.TransportError:
            return False


@pytest.fixture
def maildev(tmp_path: Path) -> Iterator[MailDev]:
    program = INSTALLED if INSTALLED.exists() else shutil.which("maildev")
    if program is None:
        pytest.fail("MailDev is not installed: `make peers` fetches it with npm (apt-get install npm)")
    ours = MailDev(free_port(), free_port())
    command = [program, "--smtp", str(ours.smtp), "--web", str(ours.web), "--ip", "127.0.0.1", "--web-ip", "127.0.0.1"]
    with subprocess.Popen(
        [*map(str, command), "--mail-directory", str(tmp_path / "mails")], stdout=subprocess.DEVNULL
    ) as process:
        deadline = monotonic() + 60
        while not ours.is_up():
            assert monotonic() < deadline, "MailDev does not answer"
            sleep(0.1)
        yield ours
        process.terminate()


def test_maildev_takes_every_mail_byte_for_byte_and_reads_it_as_it_was_meant(maildev: MailDev) -> None:
    """T39: lines that begin with a dot, lines that hold nothing else, letters of every script, a long subject."""
    messages = [
        a_message(recipient="a@example.com", html="<p>.dots\n.\n..</p>", text=".dots\n.\n.."),
        a_message(recipient="b@example.com", subject=" ".join(6 * ["Für dein Rad — 自転車のために"])),
        a_message(recipient="c@example.com", headers={"List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}),
        a_message(recipient="d@example.com", html="<p>" + 20_000 * "x" + "</p>"),
    ]
    sender = sender_from_url(f"smtp://127.0.0.1:{maildev.smtp}")
    receipts = list(sender.send_batch(messages, always))
    sender.close()
    assert [receipt.outcome for receipt in receipts] == [Outcome.ACCEPTED] * len(messages)
    came = {mail["envelope"]["to"][0]["address"]: mail for mail in maildev.mails()}
    for message in messages:
        mail = came[message.recipient]
        assert maildev.as_it_came(mail) == to_bytes(message)
        assert mail["subject"] == message.subject
        assert mail["text"].split() == message.text.split()
        assert mail["html"].split() == message.html.split()
    assert len(came) == len(messages)
