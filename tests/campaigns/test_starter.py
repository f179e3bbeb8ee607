import base64
import stat
from pathlib import Path

import pytest

from aftercart import starter
from aftercart.campaigns.loader import load_campaigns
from aftercart.errors import ConfigError


def env(directory: Path) -> dict[str, str]:
    lines = (directory / ".env").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_a_new_deployment_works_as_it_stands(tmp_path: Path) -> None:
    starter.init(tmp_path / "new")
    campaigns = load_campaigns(tmp_path / "new" / "campaigns", tmp_path / "new" / "templates")
    assert campaigns.by_name["accessories"].status == "active"
    assert campaigns.by_name["accessories"].holdout == 0.1


def test_every_deployment_has_secrets_of_its_own(tmp_path: Path) -> None:
    starter.init(tmp_path / "one")
    starter.init(tmp_path / "two")
    one, two = env(tmp_path / "one"), env(tmp_path / "two")
    assert one["AFTERCART_SECRET_KEY"] != two["AFTERCART_SECRET_KEY"]
    assert len(one["AFTERCART_SECRET_KEY"]) >= 32
    assert one["AFTERCART_GENERIC_SECRET"] != two["AFTERCART_GENERIC_SECRET"]
    assert len(base64.b64decode(one["AFTERCART_GENERIC_SECRET"].removeprefix("whsec_"))) == 32


def test_the_secrets_are_for_their_owner_alone(tmp_path: Path) -> None:
    starter.init(tmp_path)
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600


def test_the_settings_take_the_env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from aftercart.settings import read_settings

    starter.init(tmp_path)
    monkeypatch.chdir(tmp_path)
    settings = read_settings()
    assert settings.generic_secret == env(tmp_path)["AFTERCART_GENERIC_SECRET"]
    assert settings.campaigns_dir.is_dir()


@pytest.mark.parametrize("name", [".env", "campaigns/brand.yaml"])
def test_nothing_is_overwritten(tmp_path: Path, name: str) -> None:
    mine = tmp_path / name
    mine.parent.mkdir(exist_ok=True)
    mine.write_text("mine")
    with pytest.raises(ConfigError, match="exists already"):
        starter.init(tmp_path)
    assert mine.read_text() == "mine"
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [mine]


def test_all_that_ships_is_copied(tmp_path: Path) -> None:
    written = {file.relative_to(tmp_path).as_posix() for file in starter.init(tmp_path)}
    assert {"campaigns/campaign.schema.json", "templates/accessories/body.mjml", ".env"} <= written
    assert any(name.startswith("templates/_layout/") for name in written)


@pytest.mark.parametrize("where", ["taken", "taken/below", "/proc/aftercart"])
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, where: str) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(ConfigError, match=rf"nothing can be written to .*{where} \(.+\): choose another folder"):
        starter.init(tmp_path / where)
    assert (tmp_path / "taken").read_text() == "a file"
