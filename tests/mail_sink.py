"""A real SMTP server that keeps what it takes."""

import asyncio
import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from time import monotonic, sleep

from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass
class MailSink:
    """Mails are kept before they are acknowledged, as a real server does. `answer_within_s`: it takes its time."""

    answer_within_s: float = 0.0
    rng: random.Random = field(default_factory=lambda: random.Random(1))
    envelopes: list[tuple[str, bytes]] = field(default_factory=list)
    port: int = 0
    silent: threading.Event = field(default_factory=threading.Event)
    """Set: it takes mails and never answers."""

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd
        content = envelope.original_content or b""
        self.envelopes += [(recipient, content) for recipient in envelope.rcpt_tos]
        await asyncio.sleep(self.rng.random() * self.answer_within_s)
        while self.silent.is_set():
            await asyncio.sleep(0.05)
        return "250 2.0.0 kept"

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    @property
    def addresses(self) -> Counter[str]:
        """How many mails each address got."""
        return Counter(recipient for recipient, _ in list(self.envelopes))

    @property
    def message_ids(self) -> Counter[str]:
        """How often each mail came."""
        return Counter(str(mail["Message-ID"]).strip() for mail in self.mails())

    def mails(self) -> list[EmailMessage]:
        """Everything so far, oldest first."""
        return [message_from_bytes(content, policy=policy.default) for _, content in list(self.envelopes)]

    def wait_for(self, count: int, seconds: float = 60) -> None:
        """Return once so many mails came; fail when they do not."""
        deadline = monotonic() + seconds
        while len(self.envelopes) < count:
            assert monotonic() < deadline, f"{len(self.envelopes)} of {count} mails came within {seconds} s"
            sleep(0.02)


@contextmanager
def mail_sink(answer_within_s: float = 0.0) -> Iterator[MailSink]:
    """A sink on a free port of this machine."""
    sink = MailSink(answer_within_s)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="mail-sink")
    thread.start()
    try:
        server = asyncio.run_coroutine_threadsafe(_serve(sink), loop).result()
        try:
            yield sink
        finally:
            sink.silent.clear()
            asyncio.run_coroutine_threadsafe(_close(server), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _serve(sink: MailSink) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(sink, loop=loop), "127.0.0.1", 0)
    sink.port = server.sockets[0].getsockname()[1]
    return server


async def _close(server: asyncio.Server) -> None:
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
