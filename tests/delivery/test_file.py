from pathlib import Path
from uuid import UUID

from aftercart.delivery.base import Message, Outcome
from aftercart.delivery.file import FileSender
from tests.messages import a_message, always


def test_a_mail_is_named_after_its_send_and_sent_again_replaces_itself(tmp_path: Path) -> None:
    sender = FileSender(tmp_path / "new" / "outbox")
    message = a_message()
    for _ in range(2):
        (receipt,) = sender.send_batch([message], always)
        assert receipt.outcome is Outcome.ACCEPTED
    assert [file.name for file in (tmp_path / "new" / "outbox").iterdir()] == [f"{message.send_id}.eml"]


def test_no_mail_is_there_before_go_has_agreed_and_nothing_is_left_when_it_has_not(tmp_path: Path) -> None:
    there: list[Path] = []

    def go(*_messages: Message) -> set[UUID]:
        there.extend(tmp_path.glob("*.eml"))
        return set()

    assert [r.outcome for r in FileSender(tmp_path).send_batch([a_message()], go)] == [Outcome.WITHHELD]
    assert there == []
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_defers(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("a file, not a folder")
    (receipt,) = FileSender(tmp_path / "outbox").send_batch([a_message()], always)
    assert (receipt.outcome, receipt.fault_is_ours) == (Outcome.DEFERRED, True)
