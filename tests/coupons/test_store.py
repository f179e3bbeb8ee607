"""Finding codes and giving them away, on SQLite and PostgreSQL alike."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from itertools import count
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from aftercart.coupons import store
from aftercart.coupons.coupon import Code, Coupon, Pool, Want, clean_code
from aftercart.db.session import Database
from aftercart.db.tables import coupons, sends
from aftercart.errors import UnprocessableError
from tests.rows import MONDAY, Rows, a_database

DAY = timedelta(days=1)


@pytest.fixture
def planned(database: Database) -> list[UUID]:
    """Four mails that may carry a code."""
    return mails(database, 4)


def mails(database: Database, number: int) -> list[UUID]:
    shop = Rows(database)
    ada = shop.recipient()
    ids = [shop.send(shop.order(ada), ada, sent_at=None) for _ in range(number)]
    for id_ in ids:
        move(database, id_, "scheduled")
    return ids


def move(database: Database, send_id: UUID, state: str) -> None:
    with database.write() as connection:
        connection.execute(update(sends).where(sends.c.id == send_id).values(state=state))


def bring(database: Database, *codes: str, pool: str = "thanks", days: int | None = None) -> tuple[int, int, set[str]]:
    ends = None if days is None else MONDAY + days * DAY
    with database.write() as connection:
        return store.add_codes(connection, pool, [Code(code, ends) for code in codes], MONDAY)


def propose(database: Database, *send_ids: UUID, pool: str = "thanks", days: int = 1) -> dict[UUID, Coupon]:
    with database.read() as connection:
        return store.propose(connection, [Want(id_, pool, MONDAY + days * DAY) for id_ in send_ids])


def take(database: Database, proposed: dict[UUID, Coupon]) -> set[UUID]:
    """What a claim does: whoever's code is still free has it."""
    with database.write() as connection:
        free = store.still_free(connection, proposed)
        store.give(connection, {id_: proposed[id_] for id_ in free}, MONDAY)
        return free


def test_a_batch_is_given_a_code_each_as_far_as_they_go(database: Database, planned: list[UUID]) -> None:
    bring(database, "A", "B", "C")
    proposed = propose(database, *planned)
    assert sorted(coupon.code for coupon in proposed.values()) == ["A", "B", "C"]
    assert take(database, proposed) == set(proposed)
    assert propose(database, planned[3]) == {}


def test_who_has_a_code_is_proposed_the_same_again(database: Database, planned: list[UUID]) -> None:
    bring(database, *(f"C{number}" for number in range(40)))
    first = propose(database, planned[0])
    take(database, first)
    for _ in range(3):
        assert propose(database, planned[0]) == first
        assert take(database, first) == {planned[0]}


def test_a_mail_whose_step_names_another_pool_now_gives_its_code_up(database: Database, planned: list[UUID]) -> None:
    bring(database, "OLD")
    bring(database, "NEW", pool="other")
    take(database, propose(database, planned[0]))
    take(database, propose(database, planned[0], pool="other"))
    assert propose(database, planned[1])[planned[1]].code == "OLD"


def test_so_does_one_whose_code_ends_too_soon_by_now(database: Database, planned: list[UUID]) -> None:
    bring(database, "SOON", days=2)
    take(database, propose(database, planned[0], days=1))
    bring(database, "LATER", days=9)
    assert propose(database, planned[0], days=3)[planned[0]].code == "LATER"


def test_two_mails_that_want_different_ends_get_what_fits_them(database: Database, planned: list[UUID]) -> None:
    bring(database, "SOON", days=2)
    bring(database, "LATER", days=9)
    wants = [Want(planned[0], "thanks", MONDAY + 5 * DAY), Want(planned[1], "thanks", MONDAY + DAY)]
    with database.read() as connection:
        found = store.propose(connection, wants)
    assert {id_: coupon.code for id_, coupon in found.items()} == {planned[0]: "LATER", planned[1]: "SOON"}


def test_what_another_worker_holds_at_this_moment_is_gone(newest_postgres_url: str) -> None:
    """On PostgreSQL two may be in the middle of a claim; neither waits for the other."""
    with closing(Database(newest_postgres_url)) as database:
        first, second, *_ = mails(database, 2)
        bring(database, "ONLY")
        proposals = propose(database, first), propose(database, second)
        with database.write() as one, database.write() as other:
            assert store.still_free(one, proposals[0]) == {first}
            assert store.still_free(other, proposals[1]) == set()


def test_a_code_of_one_pool_comes_into_no_other(database: Database) -> None:
    assert bring(database, "A", "B") == (2, 0, set())
    assert bring(database, "B", "C", pool="other") == (1, 0, {"B"})
    assert bring(database, "A", days=3) == (0, 1, set())


def test_how_the_pools_stand(database: Database, planned: list[UUID]) -> None:
    bring(database, "A", "B", "C")
    bring(database, "D", days=0)
    bring(database, "X", pool="other")
    take(database, propose(database, *planned[:2]))
    move(database, planned[0], "failed")
    move(database, planned[1], "sent")
    with database.read() as connection:
        assert store.pools(connection, MONDAY) == [Pool("other", 1, 0, 0), Pool("thanks", 2, 1, 1)]


@pytest.mark.parametrize("text", ["", "  ", "two words", "tab\tbed", "\x07bell", "x" * 101])
def test_what_nobody_can_type_in_is_no_code(text: str) -> None:
    with pytest.raises(UnprocessableError):
        clean_code(text)


# ---------------------------------------------------------------- in any order


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Database, list[UUID]]]:
    """A database for all examples; each has a pool of its own."""
    with closing(a_database(tmp_path_factory.mktemp("coupons"))) as database:
        yield database, mails(database, 4)


POOLS = count()
STEPS = st.lists(
    st.tuples(st.sampled_from(["prepare", "claim", "sent", "failed", "canceled", "scheduled"]), st.integers(0, 3)),
    max_size=25,
)


@given(codes=st.integers(1, 3), steps=STEPS)
def test_no_code_is_in_two_mails_that_somebody_may_have(
    kept: tuple[Database, list[UUID]], codes: int, steps: list[tuple[str, int]]
) -> None:
    """Four mails, fewer codes, workers that prepare and claim in any order, mails that end and are planned anew."""
    database, planned = kept
    pool = f"pool{next(POOLS)}"
    with database.write() as connection:
        connection.execute(update(sends).values(state="scheduled"))
        connection.execute(update(coupons).values(send_id=None))
    bring(database, *(f"{pool}-{number}" for number in range(codes)), pool=pool)
    prepared: dict[UUID, Coupon] = {}
    shown: dict[UUID, str] = {}
    ended: set[UUID] = set()
    for step, number in steps:
        send_id = planned[number]
        if step == "prepare" and send_id not in ended:
            prepared |= propose(database, send_id, pool=pool)
        elif step == "claim" and send_id in prepared and send_id not in ended:
            if take(database, {send_id: prepared[send_id]}):
                shown[send_id] = prepared[send_id].code
        elif step in ("sent", "failed", "canceled") and send_id not in ended:
            move(database, send_id, step)
            ended.add(send_id)
            if step != "sent":
                shown.pop(send_id, None)
        elif step == "scheduled" and send_id in ended and send_id not in shown:  # planned anew
            move(database, send_id, step)
            ended.remove(send_id)
        assert len(set(shown.values())) == len(shown)
