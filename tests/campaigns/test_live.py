"""The campaigns of a process that runs for weeks, while their files are edited, deployed and broken."""

from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from aftercart.campaigns.live import LiveCampaigns
from tests.campaigns.conftest import CAMPAIGN

Open = Callable[[], LiveCampaigns]


@pytest.fixture
def opened(folder: Any) -> Open:
    """Opens the folder for a reader that looks at the files whenever it is asked."""
    return lambda: LiveCampaigns(folder.root / "campaigns", folder.root / "templates", look_again_s=0)


def test_an_edit_is_taken_up(opened: Open, folder: Any) -> None:
    live = opened()
    folder.edit("holdout: 10%", "holdout: 5%")
    assert live().by_name["accessories"].holdout == 0.05


def test_files_are_not_looked_at_for_every_mail(folder: Any) -> None:
    live = LiveCampaigns(folder.root / "campaigns", folder.root / "templates", look_again_s=3600)
    before = live()
    folder.edit("holdout: 10%", "holdout: 5%")
    assert live() is before


def test_nothing_is_read_again_while_nothing_changes(opened: Open) -> None:
    live = opened()
    assert live() is live()


def test_a_broken_edit_leaves_the_last_valid_state_and_is_told_once(opened: Open, folder: Any) -> None:
    live = opened()
    before = live()
    folder.edit("after: 3d", "after: soon")
    with capture_logs() as logs:
        assert [live(), live(), live()] == [before] * 3
    assert [entry["event"] for entry in logs] == ["campaigns_invalid"]
    assert "soon" in logs[0]["error"]
    folder.edit("after: soon", "after: 5d")
    assert str(live().by_name["accessories"].steps[0].after) == "5d"


def test_a_template_that_is_made_after_the_campaign_that_names_it_lets_the_edit_in(opened: Open, folder: Any) -> None:
    live = opened()
    folder.edit("template: accessories", "template: care")
    assert live().by_name["accessories"].steps[0].template == "accessories"
    template = folder.root / "templates" / "care"
    template.mkdir()
    (template / "body.mjml").write_text("<mjml></mjml>")
    assert live().by_name["accessories"].steps[0].template == "care"


def test_a_file_that_may_be_read_again_is_read_again(opened: Open, folder: Any) -> None:
    """What stands in the way need not be in the files: here a link that leads nowhere for a while."""
    live = opened()
    before = live()
    elsewhere = folder.root / "elsewhere.yaml"
    (folder.root / "campaigns" / "second.yaml").symlink_to(elsewhere)
    assert live() is before, "it vanished between being listed and being looked at"
    elsewhere.write_text(CAMPAIGN.replace("campaign: accessories", "campaign: second"))
    assert set(live().by_name) == {"accessories", "second"}


def test_a_file_that_is_taken_away_takes_its_campaign_with_it(opened: Open, folder: Any) -> None:
    live = opened()
    text = (folder.root / "campaigns" / "accessories.yaml").read_text()
    (folder.root / "campaigns" / "accessories.yaml").unlink()
    assert live().by_name == {}
    folder.write("accessories.yaml", text)
    assert set(live().by_name) == {"accessories"}


def test_a_folder_that_is_gone_for_a_moment_changes_nothing(opened: Open, folder: Any) -> None:
    live = opened()
    before = live()
    (folder.root / "campaigns").rename(folder.root / "away")
    assert live() is before
    (folder.root / "away").rename(folder.root / "campaigns")
    assert set(live().by_name) == {"accessories"}
