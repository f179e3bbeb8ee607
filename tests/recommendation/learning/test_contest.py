import pytest

from aftercart.errors import ModelError
from aftercart.recommendation.inputs.dataset import Interactions
from aftercart.recommendation.judging.protocol import Task
from aftercart.recommendation.learning.contest import AFTERCART, AS_SHOWN, MAIL, Contest, contest
from aftercart.recommendation.models.lightfm_model import Recipe
from tests.recommendation.bike_shop import past_of

QUICK = Recipe(components=8, epochs=6)
PEERS = ("popularity", "bought_together", "content", "ease")


@pytest.fixture(scope="module")
def a_year() -> Interactions:
    """1,600 orders, one every two hours: 133 days."""
    return past_of(1_600)


@pytest.fixture(scope="module")
def found(a_year: Interactions) -> Contest:
    return contest(a_year, peers=PEERS, seed=1, most_cases=60, progress=lambda _what: None, recipe=QUICK)


def test_every_task_is_asked_of_everybody(found: Contest) -> None:
    assert [outcome.task for outcome in found.outcomes] == list(Task)
    assert all([row.name for row in outcome.rows] == [AFTERCART, MAIL, AS_SHOWN, *PEERS] for outcome in found.outcomes)
    assert all(outcome.cases == 60 for outcome in found.outcomes)


def test_nothing_of_the_last_ninety_days_is_learned(found: Contest, a_year: Interactions) -> None:
    start = int(found.learned_until.timestamp())
    assert a_year.last_order_at - start == 90 * 86_400
    assert found.orders == int((a_year.placed_at < start).sum())


def test_a_shop_with_a_pattern_is_learned_better_than_what_sells(found: Contest) -> None:
    rows = {row.name: row for row in found.outcomes[1].rows}
    assert rows[AFTERCART].ndcg10 > rows["popularity"].ndcg10 + 0.1
    gain = rows["popularity"].gain
    assert gain is not None
    assert gain.mean == pytest.approx(rows[AFTERCART].ndcg10 - rows["popularity"].ndcg10)
    assert 0 < gain.low < gain.mean < gain.high


def test_what_a_mail_would_show_is_held_against_everybody_by_itself(found: Contest) -> None:
    """On a single product it is the task's own blend; on what comes next it is not."""
    single, next30 = ({row.name: row for row in outcome.rows} for outcome in found.outcomes[1:3])
    assert single[MAIL].ndcg10 == single[AFTERCART].ndcg10
    gain = next30["popularity"].mail_gain
    assert gain is not None
    assert gain.mean == pytest.approx(next30[MAIL].ndcg10 - next30["popularity"].ndcg10)
    assert next30[MAIL].ndcg10 != next30[AFTERCART].ndcg10


def test_what_is_alike_is_shown_by_content_and_hardly_ever_bought(found: Contest) -> None:
    single = found.outcomes[1]
    rows = {row.name: row for row in single.rows}
    assert single.bought_same_category == 0
    assert rows["content"].same_category > rows[AFTERCART].same_category


def test_what_is_shown_is_no_more_alike_than_what_people_buy(found: Contest) -> None:
    for outcome in found.outcomes:
        shown = next(row for row in outcome.rows if row.name == AS_SHOWN)
        assert shown.near_duplicates <= outcome.bought_near_duplicates
        assert shown.same_category <= outcome.bought_same_category


def test_a_shop_younger_than_the_test_is_told_so() -> None:
    with pytest.raises(ModelError, match="90 days"):
        contest(past_of(200), peers=PEERS, seed=1, most_cases=60, progress=lambda _what: None)
