"""`aftercart feedback --lmtp`: what a mail server hands over, and when it is told to come again."""

import sqlite3
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from smtplib import LMTP, SMTPServerDisconnected
from time import monotonic, sleep
from uuid import UUID

import pytest

from aftercart.db import inbox
from aftercart.db.session import Database
from aftercart.feedback.mail import MailReader
from aftercart.feedback.told import Kind
from aftercart.feedback.verp import BounceAddresses
from aftercart.starter import init
from aftercart.tracking.tokens import TokenSigner
from tests.chaos.servers import postgres
from tests.commanded import aftercart, ended
from tests.deployment import Deployment, Process
from tests.feedback.letters import AWAY, POSTFIX, letter
from tests.ports import free_port

BOUNCE = letter(POSTFIX)
KEPT = (250, b"2.0.0 kept")
COME_AGAIN = 451
ADDRESSES = BounceAddresses("bounce-*@shop.example", ["k" * 32])
SEND_ID = UUID(int=7)


class Door:
    """The command, while it listens."""

    def __init__(self, folder: Path, process: Process, where: str, database_url: str) -> None:
        self.folder, self.process = folder, process
        self._database_url = database_url or f"sqlite:///{self.inbox}"
        host, _, port = where.rpartition(":")
        self.where = (host, int(port)) if port.isdigit() else (where, 0)

    @contextmanager
    def spoken_to(self) -> Iterator[LMTP]:
        with closing(LMTP(*self.where)) as client:
            client.ehlo_or_helo_if_needed()
            yield client

    @property
    def inbox(self) -> Path:
        return self.folder / "data" / "inbox.db"

    def kept(self, most: int = 1_000) -> list[bytes]:
        with closing(Database(self._database_url)) as database, database.read() as connection:
            return [row["body"] for row in inbox.oldest(connection, most)]


def begun(client: LMTP, *recipients: str) -> None:
    """The envelope of a bounce, up to where the mail begins."""
    assert client.mail("") == (250, b"2.1.0 fine")
    assert [client.rcpt(one)[0] for one in recipients] == [250] * len(recipients)


def handed_over(client: LMTP, body: bytes, *recipients: str) -> list[tuple[int, bytes]]:
    """The answer to each recipient's mail."""
    begun(client, *recipients)
    return [client.data(body), *(client.getreply() for _ in recipients[1:])]


@contextmanager
def listening(folder: Path, where: str, database_url: str = "") -> Iterator[Door]:
    init(folder)
    deployment = Deployment(folder, {"AFTERCART_DATABASE_URL": database_url} if database_url else {})
    assert deployment.run("db", "upgrade").returncode == 0
    with deployment.running(["aftercart", "feedback", "--lmtp", where]) as [process]:
        deadline = monotonic() + 60
        while "lmtp_listens" not in process.log:
            assert process.popen.poll() is None, process.log
            assert monotonic() < deadline, process.log
            sleep(0.05)
        yield Door(folder, process, where, database_url)


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    with listening(tmp_path / "shop", f"127.0.0.1:{free_port()}") as door:
        yield door


def test_each_recipient_s_mail_is_kept_and_answered(door: Door) -> None:
    with door.spoken_to() as client:
        assert client.has_extn("pipelining")
        assert client.has_extn("enhancedstatuscodes")
        assert handed_over(client, BOUNCE, "a@shop.example", "b@shop.example") == [KEPT, KEPT]
        assert handed_over(client, BOUNCE, "c@shop.example") == [KEPT], "the conversation goes on"
        assert client.quit()[0] == 221
    assert door.kept() == [b"Delivered-To: %b@shop.example\r\n" % to + BOUNCE for to in (b"a", b"b", b"c")]


def test_a_socket_in_the_file_system_will_do_and_goes_with_it(tmp_path: Path) -> None:
    where = tmp_path / "lmtp"
    with listening(tmp_path / "shop", str(where)) as door:
        with door.spoken_to() as client:
            assert handed_over(client, BOUNCE, "a@shop.example") == [KEPT]
        assert len(door.kept()) == 1
        assert door.process.stop() == 0
        assert not where.exists()


def test_whose_mail_it_is_stands_in_the_envelope_alone(door: Door) -> None:
    """An out-of-office reply names us as it likes; the mail server says to which address it came."""
    with door.spoken_to() as client:
        handed_over(client, letter(AWAY, to="hello@shop.example"), ADDRESSES.of(SEND_ID))
    reader = MailReader(ADDRESSES, TokenSigner(["k" * 32]).read_unsubscribe)
    told = reader.read(door.kept()[0], lambda _: "ada@example.com")
    assert (told.kind, told.send_id) == (Kind.AUTO_REPLY, SEND_ID)


@pytest.mark.parametrize(
    "body",
    [b"\x00\xff\xfe garbage\r\n", b"", b".\r\n..\r\n.dots\r\n", "Grüße\r\n".encode() * 3, b"x" * 300_000 + b"\r\n"],
    ids=["bytes", "nothing", "dots", "UTF-8", "one line"],
)
def test_what_nobody_understands_is_kept_as_it_is(door: Door, body: bytes) -> None:
    with door.spoken_to() as client:
        assert handed_over(client, body, "a@shop.example") == [KEPT]
    sent = body or b"\r\n"  # what smtplib makes of nothing
    assert door.kept() == [b"Delivered-To: a@shop.example\r\n" + sent]


def test_of_a_huge_mail_the_beginning_is_kept(door: Door) -> None:
    with door.spoken_to() as client:
        assert handed_over(client, BOUNCE + b"\r\n" + b"x" * 9_998 * 1_000 + b"\r\n", "a@shop.example") == [KEPT]
        assert handed_over(client, BOUNCE + b"and more\r\n" * 400_000, "b@shop.example") == [KEPT]
    for body in door.kept():
        _, _, content = body.partition(b"\r\n")
        assert len(content) == 2_000_000, "AFTERCART_MAX_BODY_BYTES"
        assert content.startswith(BOUNCE)


def test_a_mail_that_cannot_be_kept_now_is_to_come_again(door: Door) -> None:
    with door.spoken_to() as client:
        _tell(door, "ALTER TABLE inbox RENAME TO elsewhere")
        answers = handed_over(client, BOUNCE, "a@shop.example", "b@shop.example")
        assert [code for code, _ in answers] == [COME_AGAIN] * 2
        _tell(door, "ALTER TABLE elsewhere RENAME TO inbox")
        assert handed_over(client, BOUNCE, "a@shop.example", "b@shop.example") == [KEPT, KEPT]
    assert len(door.kept()) == 2
    assert [line["event"] for line in door.process.events() if line["level"] == "error"] == ["feedback_not_kept"]


def _tell(door: Door, statement: str) -> None:
    with closing(sqlite3.connect(door.inbox)) as connection:
        connection.execute(statement)


def test_it_goes_on_when_a_database_server_is_back(tmp_path: Path) -> None:
    where = f"127.0.0.1:{free_port()}"
    with postgres() as server, listening(tmp_path / "shop", where, server.url) as door, door.spoken_to() as client:
        assert handed_over(client, BOUNCE, "a@shop.example") == [KEPT]
        server.crash()
        assert handed_over(client, BOUNCE, "b@shop.example")[0][0] == COME_AGAIN
        server.start()
        assert handed_over(client, BOUNCE, "b@shop.example") == [KEPT]
        assert len(door.kept()) == 2


def test_what_comes_twice_is_kept_once(door: Door) -> None:
    with door.spoken_to() as client:
        assert [handed_over(client, BOUNCE, "a@shop.example") for _ in range(2)] == [[KEPT]] * 2
    assert len(door.kept()) == 1


def test_many_hand_over_at_once(door: Door) -> None:
    def hand_over(who: int) -> Sequence[tuple[int, bytes]]:
        with door.spoken_to() as client:
            return [
                handed_over(client, letter(POSTFIX, to=f"{who}-{number}@shop.example"), "a@shop.example")[0]
                for number in range(5)
            ]

    with ThreadPoolExecutor(60) as clients:
        answers = [answer for ones in clients.map(hand_over, range(60)) for answer in ones]
    assert answers == [KEPT] * 300
    assert len(door.kept()) == 300


def test_told_to_stop_in_the_middle_it_cuts_what_can_come_again(door: Door) -> None:
    with door.spoken_to() as idle, door.spoken_to() as client:
        begun(client, "a@shop.example")
        client.putcmd("data")
        assert client.getreply()[0] == 354
        client.send(b"half of a ma")
        assert door.process.stop() == 0
        with pytest.raises(SMTPServerDisconnected):
            client.getreply()
        with pytest.raises(SMTPServerDisconnected):
            idle.noop()
    assert door.kept() == []


def test_told_to_stop_it_answers_first_what_it_is_keeping(door: Door) -> None:
    with (
        closing(sqlite3.connect(door.inbox, isolation_level=None)) as other,
        door.spoken_to() as client,
        door.spoken_to() as beside,
    ):
        begun(client, "a@shop.example")
        other.execute("BEGIN IMMEDIATE")  # somebody else writes
        client.putcmd("data")
        assert client.getreply()[0] == 354
        client.send(BOUNCE + b".\r\n")
        assert [beside.noop()[0] for _ in range(2)] == [250, 250]  # by now it has read the mail
        with ThreadPoolExecutor(1) as pool:
            stopped = pool.submit(door.process.stop)
            sleep(0.3)
            assert not stopped.done()
            other.execute("COMMIT")
            assert client.getreply() == KEPT
            assert stopped.result() == 0
    assert len(door.kept()) == 1


def test_another_protocol_and_an_order_that_is_none_are_refused(door: Door) -> None:
    with closing(LMTP(*door.where)) as client:
        assert client.docmd("EHLO client.example")[0] == 500
        assert client.docmd("DATA")[0] == 503
        client.ehlo_or_helo_if_needed()
        assert client.docmd("DATA")[0] == 503
        begun(client, "a@shop.example")
        assert client.docmd("DATA", "now")[0] == 501
        assert client.data(BOUNCE) == KEPT


def test_a_place_that_is_none_or_is_taken_is_told_in_one_line(door: Door) -> None:
    for where in ("2424", "127.0.0.1:x", "127.0.0.1:70000", ":2424"):
        done = aftercart(door.folder, "feedback", "--lmtp", where)
        assert (done.returncode, "write HOST:PORT" in done.stderr) == (1, True)
    taken = f"{door.where[0]}:{door.where[1]}"
    done = aftercart(door.folder, "feedback", "--lmtp", taken)
    assert (done.returncode, f"cannot listen on {taken}" in done.stderr) == (1, True)
    assert aftercart(door.folder, "feedback", "one.eml", "--lmtp", taken).returncode == 2


def test_without_the_package_it_names_the_extra(tmp_path: Path) -> None:
    init(tmp_path / "shop")
    done = ended(["aftercart", "feedback", "--lmtp", "127.0.0.1:0"], tmp_path / "shop", {}, without="aiosmtpd")
    assert (done.returncode, "pip install 'aftercart[lmtp]'" in done.stderr) == (1, True)
