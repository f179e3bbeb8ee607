import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftercart.experiments.assignment import FLOOR
from aftercart.experiments.bandit import shares

RESULTS = st.dictionaries(
    st.text(min_size=1, max_size=3),
    st.integers(0, 5_000).flatmap(lambda people: st.tuples(st.just(people), st.integers(0, people))),
    min_size=2,
    max_size=6,
)


@given(RESULTS, st.integers(0, 99))
def test_shares_add_up_and_no_arm_falls_below_the_floor(results: dict[str, tuple[int, int]], seed: int) -> None:
    found = shares(results, seed=seed)
    assert found.keys() == results.keys()
    assert sum(found.values()) == pytest.approx(1)
    assert min(found.values()) >= FLOOR - 1e-9


def test_nobody_is_favored_before_anybody_has_ordered() -> None:
    assert list(shares({"a": (0, 0), "b": (0, 0)}, seed=1).values()) == pytest.approx([0.5, 0.5], abs=0.02)


def test_the_better_arm_gets_most_and_the_same_seed_the_same_shares() -> None:
    results = {"a": (3_000, 90), "b": (3_000, 150)}
    found = shares(results, seed=2)
    assert found["b"] > 0.85
    assert found == shares(results, seed=2)


@pytest.mark.parametrize("results", [{str(arm): (0, 0) for arm in range(11)}, {"a": (5, 6), "b": (5, 1)}])
def test_what_cannot_be_shared_out_is_refused(results: dict[str, tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match="no shares"):
        shares(results, seed=1)
