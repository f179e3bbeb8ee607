import json
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select, update

from aftercart.db.session import Database
from aftercart.db.tables import pauses, sends
from aftercart.ledger.store import beat, hold_all
from aftercart.policy.guard import PauseScope
from aftercart.policy.store import Pause, keep_pauses
from aftercart.starter import init
from tests.cli.conftest import Typed
from tests.commanded import aftercart
from tests.rows import MONDAY

pytestmark = pytest.mark.usefixtures("some_sends", "shop")


@pytest.fixture
def shop(tmp_path: Path) -> None:
    """The files of a shop, beside the sends."""
    init(tmp_path)


def becomes(folder: Path, state: str, reason: str) -> str:
    """Ada's mail has come to another end; its id."""
    db = Database(f"sqlite:///{folder / 'data' / 'aftercart.db'}")
    with db.write() as connection:
        changed = update(sends).where(sends.c.state == "sent").values(state=state, reason=reason).returning(sends.c.id)
        send_id = connection.execute(changed).scalar_one()
    db.close()
    return str(send_id)


def now(folder: Path, send_id: str) -> tuple[str, str | None]:
    """State and reason of a send."""
    db = Database(f"sqlite:///{folder / 'data' / 'aftercart.db'}")
    with db.read() as connection:
        found = connection.execute(select(sends.c.state, sends.c.reason).where(sends.c.id == UUID(send_id))).one()
    db.close()
    return found.state, found.reason


def test_retry_says_what_it_refuses_and_how_to_insist(tmp_path: Path) -> None:
    send_id = becomes(tmp_path, "failed", "provider_rejected")
    told = aftercart(tmp_path, "retry", "--all")
    assert told.returncode == 0, told.stderr
    assert "no longer worth sending; say --valid-for" in told.stdout
    told = aftercart(tmp_path, "retry", "--all", "--valid-for", "1d", "--dry-run")
    assert "1 would be planned anew, 0 not." in told.stdout
    line = json.loads(aftercart(tmp_path, "retry", send_id, "--valid-for", "1d", "--json").stdout)
    assert (line["send_id"], line["replanned"], line["was"]) == (send_id, True, "provider_rejected")
    assert now(tmp_path, send_id) == ("scheduled", "replanned")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("retry",), "say which"),
        (("retry", "--all", "--valid-for", "soon"), "no time span"),
        (("retry", "--reason", "provider_rejectd"), "did you mean provider_rejected?"),
        (("settle", "--all"), "say one of"),
        (("settle", "--all", "--as", "sent", "--look-up"), "say one of"),
        (("settle", "--sent"), "say which"),
        (("settle", "1a2b", "--sent"), "1a2b is no id: a send has one like"),
    ],
)
def test_an_unclear_wish_is_wrong_usage(typed: Typed, words: tuple[str, ...], said: str) -> None:
    result = typed(*words)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.replace("│", "").split())


@pytest.mark.parametrize("words", ["sends", "retry", "settle --leave", "report"])
def test_a_campaign_of_which_there_is_no_mail_is_no_answer_of_none(tmp_path: Path, words: str) -> None:
    told = aftercart(tmp_path, *words.split(), *(["accesories"] if words == "report" else ["--campaign", "accesories"]))
    assert told.returncode == 2
    assert "did you mean accessories?" in " ".join(told.stderr.replace("│", "").split())


def test_settle_takes_the_word_of_a_person_and_leaves_other_sends_alone(tmp_path: Path) -> None:
    send_id = becomes(tmp_path, "unknown", "unknown_outcome")
    told = aftercart(tmp_path, "settle", send_id, "--not-sent")
    assert told.returncode == 0, told.stderr
    assert "1 settled, 0 still in doubt." in told.stdout
    assert now(tmp_path, send_id) == ("failed", "settled_not_sent")
    told = aftercart(tmp_path, "settle", send_id, "--as", "sent")
    assert (told.returncode, now(tmp_path, send_id)) == (1, ("failed", "settled_not_sent"))
    assert f"{send_id} is no unknown send: it was left as it is." in told.stderr


def test_a_sender_that_cannot_be_asked_is_a_fault_in_words(tmp_path: Path) -> None:
    becomes(tmp_path, "unknown", "unknown_outcome")
    told = aftercart(tmp_path, "settle", "--all", "--look-up")
    assert told.returncode == 1
    assert told.stderr.splitlines()[-1].startswith("aftercart: console cannot look a mail up: look into its log")


def test_what_is_held_is_explained_and_let_go_on_a_persons_word(tmp_path: Path) -> None:
    assert aftercart(tmp_path, "resume").stdout == "Nothing is held.\n"
    db = Database(f"sqlite:///{tmp_path / 'data' / 'aftercart.db'}")
    with db.write() as connection:
        beat(connection, "elsewhere", 7, MONDAY)
        hold_all(connection, "this database is a copy", MONDAY)
    db.close()
    told = aftercart(tmp_path, "resume")
    assert told.returncode == 1
    assert "held since 2026-03-02 10:00 UTC: this database is a copy." in told.stdout
    assert "All mail is held: this database is a copy. `aftercart resume`" in aftercart(tmp_path, "sends").stdout
    told = aftercart(tmp_path, "resume", "--in-doubt")
    assert "Mails go out again. In doubt: 1 (`aftercart sends --reason may_have_been_sent`" in told.stdout
    assert "held" not in aftercart(tmp_path, "sends").stdout


def test_what_is_paused_by_a_file_is_told_with_the_way_out_too(tmp_path: Path) -> None:
    for name, before, after in (("brand", "paused: false", "paused: true"), ("accessories", "active", "paused")):
        file = tmp_path / "campaigns" / f"{name}.yaml"
        file.write_text(file.read_text("utf-8").replace(before, after, 1), "utf-8")
    told = aftercart(tmp_path, "resume")
    assert (told.returncode, told.stdout.splitlines()) == (
        1,
        [
            "All mail is paused by `paused: true` in brand.yaml: take it out to go on.",
            "The campaign accessories is paused by its file: set `status: active` to go on.",
        ],
    )


def test_who_looks_for_a_way_to_pause_is_told_of_the_files(typed: Typed) -> None:
    told = typed("pause", "accessories")
    assert told.exit_code == 2
    assert "`status: paused` in a campaign's file" in told.stderr
    assert "`paused: true` in brand.yaml" in told.stderr


def test_only_one_of_the_words_can_be_true(typed: Typed) -> None:
    assert typed("resume", "--nothing-sent", "--in-doubt").exit_code == 2
    assert typed("resume", "accessories", "--brand").exit_code == 2


def test_a_campaign_that_has_paused_itself_goes_on_when_somebody_says_so(tmp_path: Path) -> None:
    db = Database(f"sqlite:///{tmp_path / 'data' / 'aftercart.db'}")
    with db.write() as connection:
        keep_pauses(connection, [Pause(PauseScope.CAMPAIGN, "accessories", "too many complained", MONDAY)])
    said = "The campaign accessories has paused itself: too many complained"
    told = aftercart(tmp_path, "resume")
    assert told.returncode == 1
    assert f"{said}, on 2026-03-02 10:00 UTC; `aftercart resume accessories` lets it go on." in told.stdout
    told = aftercart(tmp_path, "resume", "accessories", "--by", "Grace")
    assert f"{said}, on 2026-03-02 10:00 UTC. It goes on now." in told.stdout
    with db.read() as connection:
        assert connection.execute(select(pauses.c.lifted_by)).scalar_one() == "Grace"
    db.close()
    assert aftercart(tmp_path, "resume", "accessories").returncode == 1
