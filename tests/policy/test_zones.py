from importlib.resources import files
from zoneinfo import ZoneInfo, available_timezones

import pytest

from aftercart.policy.zones import MOST_PEOPLE, REGIONS, ZoneSource, by_country, known_zone, zone_of


@pytest.mark.parametrize(
    ("place", "zone", "source"),
    [
        ({"own": "Europe/Paris", "country": "JP", "shop": "UTC"}, "Europe/Paris", ZoneSource.RECIPIENT),
        ({"own": "Mars/Phobos", "country": "JP", "shop": "UTC"}, "Asia/Tokyo", ZoneSource.COUNTRY),
        ({"country": "US", "region": "CA", "shop": "UTC"}, "America/Los_Angeles", ZoneSource.REGION),
        ({"country": "us", "region": "us-hi"}, "Pacific/Honolulu", ZoneSource.REGION),
        ({"country": "US", "region": "??"}, "America/New_York", ZoneSource.COUNTRY),
        ({"country": "PT", "region": "PT-20"}, "Atlantic/Azores", ZoneSource.REGION),
        ({"country": "MX", "region": "Q ROO"}, "America/Cancun", ZoneSource.REGION),
        ({"country": "CA", "region": "CA-BC"}, "America/Vancouver", ZoneSource.REGION),
        ({"country": "MX", "region": "QR"}, "America/Cancun", ZoneSource.REGION),
        ({"country": "MX", "region": "CH"}, "America/Chihuahua", ZoneSource.REGION),
        ({"country": "RU", "region": "SAR"}, "Europe/Saratov", ZoneSource.REGION),
        ({"country": "UK"}, "Europe/London", ZoneSource.COUNTRY),
        ({"country": "RU"}, "Europe/Moscow", ZoneSource.COUNTRY),
        ({"country": "XX", "shop": "Europe/Berlin"}, "Europe/Berlin", ZoneSource.SHOP),
        ({}, "UTC", ZoneSource.UTC),
    ],
)
def test_the_chain_takes_the_nearest_zone_that_is_known(place: dict[str, str], zone: str, source: ZoneSource) -> None:
    """T30: zone matrix: shop, recipient, none. A missing zone never means that there are no quiet hours."""
    found = zone_of(**place)
    assert (str(found.zone), found.source) == (zone, source)


@pytest.mark.parametrize(
    ("place", "holidays_of"),
    [
        ({"own": "Europe/Paris", "country": "JP"}, ("JP", "")),
        ({"country": "DE", "region": "DE-BY"}, ("DE", "BY")),
        ({"country": "XX", "region": "1", "shop": "Europe/Berlin"}, ("XX", "1")),
        ({"own": "Europe/Paris"}, ("FR", "")),
        ({"shop": "Asia/Tokyo"}, ("JP", "")),
        ({}, ("", "")),
    ],
)
def test_holidays_are_those_of_the_country_or_of_where_the_zone_lies(
    place: dict[str, str], holidays_of: tuple[str, str]
) -> None:
    found = zone_of(**place)
    assert (found.country, found.region) == holidays_of


def test_a_renamed_zone_is_known_by_both_names() -> None:
    """T33: the rename of Europe/Kiev emptied a selection."""
    assert known_zone("Europe/Kiev")
    assert known_zone("Europe/Kyiv")


@pytest.mark.parametrize("name", ["", "Europe", "../../etc/passwd", "(GMT-05:00) Eastern Time", "Mars/Phobos"])
def test_a_name_that_is_no_zone_is_none(name: str) -> None:
    assert known_zone(name) is None


def test_every_country_has_a_zone_that_exists() -> None:
    assert len(by_country()) > 240
    assert set(by_country().values()) <= available_timezones()


def test_every_regions_zone_lies_in_its_country() -> None:
    rows = [row.split("\t") for row in (files("tzdata") / "zoneinfo" / "zone.tab").read_text().splitlines()]
    lies_in = {(row[0], row[2]) for row in rows if not row[0].startswith("#")}
    for country, zones in REGIONS.items():
        for zone, codes in zones.items():
            # Shops write the territories of the United States as regions; the table has them as countries.
            assert (country, zone) in lies_in or (codes, zone) in lies_in
    assert set(MOST_PEOPLE.items()) <= lies_in


def test_no_region_is_listed_twice() -> None:
    for zones in REGIONS.values():
        codes = [code for group in zones.values() for code in group.split()]
        assert len(codes) == len(set(codes))


def test_the_zone_is_one_object_for_everybody() -> None:
    assert zone_of(country="JP").zone is ZoneInfo("Asia/Tokyo")
