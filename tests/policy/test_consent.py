import pytest

from aftercart.policy.consent import ConsentState, may_market


@pytest.mark.parametrize(
    ("state", "allowed"),
    [(ConsentState.GRANTED, True), (ConsentState.DENIED, False), (ConsentState.PENDING, False), (None, False)],
)
def test_only_a_clear_yes_is_a_yes(state: ConsentState | None, allowed: bool) -> None:
    assert may_market(state) is allowed
