"""The time zone on the preference page: it stands there as it is, and who saves something else keeps it."""

from pathlib import Path
from typing import Any

import pytest

from tests.cast import ADA
from tests.web.reader import reading

ENGLISH = {**ADA, "locale": "en-GB"}
BY_ZONE = ["Europe/Amsterdam", "Asia/Kuala_Lumpur", "Europe/Kiev", "Asia/Calcutta", "Japan", "Etc/GMT-9"]


@pytest.mark.parametrize("zone", BY_ZONE)
def test_whoever_saves_something_else_keeps_their_zone(tmp_path: Path, zone: str) -> None:
    """A browser posts the first zone of a list in which none is chosen: a Dutchman would have moved to Abidjan."""
    saved_as_shown(tmp_path, zone, {**ENGLISH, "time_zone": zone})


@pytest.mark.parametrize(("country", "zone"), [("NL", "Europe/Amsterdam"), ("SE", "Europe/Stockholm")])
def test_so_does_whoever_lives_in_a_country_whose_clocks_go_like_those_of_another(
    tmp_path: Path, country: str, zone: str
) -> None:
    saved_as_shown(tmp_path, zone, {**ENGLISH, "time_zone": "", "country": country})


def saved_as_shown(folder: Path, zone: str, who: dict[str, Any]) -> None:
    with reading(folder, who) as reader:
        page = reader.get("p")
        assert f'<option value="{zone}" selected>' in page.text
        saved = reader.press(page, "Save", pace="week")
        assert f"Time zone: {zone}" in saved.text
        (kept,) = reader.said()["preferences"]
        assert (kept["time_zone"], kept["at_most"]) == ("", "1 per 7d")
        other = reader.press(page, "Save", time_zone="Australia/Sydney")
        assert "Time zone: Australia/Sydney" in other.text
        assert '<option value="Australia/Sydney" selected>' in reader.get("p").text
