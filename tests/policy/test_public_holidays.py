import sys
from datetime import date

import pytest

from aftercart.errors import MissingExtraError
from aftercart.policy.public_holidays import is_known, public_holidays


@pytest.mark.parametrize(
    ("country", "region", "day", "rests"),
    [
        ("FR", "", date(2026, 7, 14), True),
        ("DE", "", date(2026, 7, 14), False),
        ("DE", "BY", date(2026, 8, 15), False),
        ("DE", "BY", date(2026, 11, 1), True),
        ("DE", "BE", date(2026, 11, 1), False),
        ("US", "CA", date(2026, 11, 26), True),
        ("US", "??", date(2026, 11, 26), True),
        ("XX", "", date(2026, 12, 25), False),
        ("", "", date(2026, 12, 25), False),
    ],
)
def test_each_country_and_region_rests_on_its_own_days(country: str, region: str, day: date, rests: bool) -> None:
    """Of a region that nobody knows those of the country; of an unknown country none, and mail goes out."""
    assert (day in public_holidays(country, region, day.year)) is rests


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_known()
    monkeypatch.setitem(sys.modules, "holidays", None)
    public_holidays.cache_clear()
    assert not is_known()
    with pytest.raises(MissingExtraError, match=r"pip install 'aftercart\[holidays\]'"):
        public_holidays("FR", "", 2026)
