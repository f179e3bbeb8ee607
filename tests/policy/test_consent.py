import pytest

from aftercart.consent.statement import ConsentState
from aftercart.policy.consent import may_market


@pytest.mark.parametrize(
    ("state", "allowed"),
    [
        (ConsentState.GRANTED, True),
        (ConsentState.DENIED, False),
        (ConsentState.PENDING, False),
        (ConsentState.EXPIRED, False),
        (None, False),
    ],
)
def test_only_a_clear_yes_is_a_yes(state: ConsentState | None, allowed: bool) -> None:
    assert may_market(state) is allowed
