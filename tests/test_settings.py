from pathlib import Path

import pytest
from pydantic.fields import FieldInfo

from aftercart.errors import ConfigError
from aftercart.settings import Settings, environment, read_settings

KEY = "k" * 32


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty folder and no setting but the one that is needed."""
    import os

    for name in [name for name in os.environ if name.upper().startswith("AFTERCART_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AFTERCART_SECRET_KEY", KEY)
    monkeypatch.chdir(tmp_path)


def test_one_secret_is_enough_to_start() -> None:
    settings = read_settings()
    assert settings.database == "sqlite:///data/aftercart.db"
    assert settings.inbox == "sqlite:///data/inbox.db"
    assert settings.secret_key == (KEY,)


def test_on_postgresql_the_inbox_stands_in_the_main_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERCART_DATABASE_URL", "postgresql://a@db/aftercart")
    assert read_settings().inbox == read_settings().database == "postgresql://a@db/aftercart"


def test_a_missing_secret_is_named_with_the_way_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AFTERCART_SECRET_KEY")
    with pytest.raises(ConfigError, match=r"AFTERCART_SECRET_KEY: is not set \(`aftercart init DIR` writes"):
        read_settings()


@pytest.mark.parametrize("name", ["AFTERCART_SENDER", "AFTERCART_DATABASE", "aftercart_typo"])
def test_an_unknown_name_in_the_environment_stops_the_start(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "1")
    with pytest.raises(ConfigError, match=f"{name} in the environment: there is no such setting"):
        read_settings()


@pytest.mark.parametrize("line", ["AFTERCART_TYPO=1", "  AFTERCART_TYPO = 1", "export AFTERCART_TYPO=1"])
def test_an_unknown_name_in_the_env_file_stops_the_start(tmp_path: Path, line: str) -> None:
    (tmp_path / ".env").write_text(f"# a comment = no setting\nOTHER_PROGRAM=1\n{line}\n")
    with pytest.raises(ConfigError, match=r"AFTERCART_TYPO in \.env: there is no such setting"):
        read_settings()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("WORKERS", "many", "'many' is no whole number: write one, such as 4, or take the setting out"),
        ("WORKERS", "2.5", "'2.5' is no whole number"),
        ("WORKERS", "0", "0 is too little: write 1 or more"),
        ("WORKERS", "65", "65 is too much: write 64 or less"),
        ("WORKERS", "", "'' is no whole number"),
        ("WEBHOOKS_TO_LOOPBACK", "perhaps", "'perhaps' is neither true nor false: write true or false"),
        ("MAX_BODY_BYTES", "12", "write 10000 or more"),
        ("BASE_URL", "mail.example.com", "must start with https://"),
        ("BASE_URL", "http://", "https://mail.example.com"),
        ("BASE_URL", "https:///path", "https://mail.example.com"),
        ("BASE_URL", "https://mail.example.com:port", "https://mail.example.com"),
        ("BASE_URL", "https://mail example.com", "no blank"),
        ("BASE_URL", "https://mail.example.com/a b", "no blank"),
        ("BASE_URL", "https://mail.example.com/?a=b", "ends before"),
        ("BASE_URL", "https://mail.example.com/#a", "ends before"),
        ("BASE_URL", "https://ada:pw@mail.example.com", "no user"),
        ("BROKER_URL", "nonsense", "inproc://"),
        ("BROKER_URL", "", "inproc://"),
        ("BROKER_URL", "sqs://", "redis://HOST"),
        ("BROKER_URL", "memory://", "redis://HOST"),
        ("BROKER_URL", "redis:/host", "redis://HOST"),
        ("BROKER_URL", "redis://:pw@host:port/0", "redis://HOST"),
        ("BROKER_URL", "amqp://ada:pw@host:99999//", "amqp://USER"),
        ("GENERIC_SECRET", "whsec_c2hvcnQ=", "24 to 64 random bytes"),
        ("GENERIC_SECRET", "whsec_" + "A" * 88, "24 to 64 random bytes"),
        ("GENERIC_SECRET", "what the shop said", "whsec_"),
        ("GENERIC_SECRET", f"whsec_{'A' * 32},whsec_c2hvcnQ=", "24 to 64 random bytes"),
        ("API_KEYS", "short", "16 characters"),
        ("API_KEYS", f"{KEY} a/b=c&d-0123456789", "letters, digits"),
        ("API_ORIGINS", "*", "https://www.example.com"),
        ("API_ORIGINS", "https://shop.example/", "no path"),
        ("API_ORIGINS", "https://Shop.example", "small letters"),
        ("API_ORIGINS", "https://shop.example:99999", "https://www.example.com"),
        ("API_SECRET", "short", "32 characters"),
        ("API_SECRET", " , ", "32 characters"),
        ("API_PER_MINUTE", "0", "write 1 or more"),
        ("SECRET_KEY", "short", "32 characters"),
        ("SECRET_KEY", f"{KEY},short", "32 characters"),
        ("SECRET_KEY", " , ", "32 characters"),
    ],
)
def test_an_odd_value_names_its_variable(monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str) -> None:
    monkeypatch.setenv(f"AFTERCART_{name}", value)
    with pytest.raises(ConfigError, match=rf"^AFTERCART_{name}: .*{said}") as refused:
        read_settings()
    for secret in ("short", "pw", "c2hvcnQ"):
        assert secret not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BROKER_URL", "redis://127.0.0.1:6379/0"),
        ("BROKER_URL", "redis://"),
        ("BROKER_URL", "rediss://:pw@host/1"),
        ("BROKER_URL", "amqp://guest:guest@127.0.0.1:5672//"),
        ("BROKER_URL", "amqps://host"),
        ("BASE_URL", "http://[::1]:8000"),
        ("BASE_URL", "https://shop.example/mail"),
        ("API_KEYS", f"{KEY} another_key-0123456789"),
        ("API_ORIGINS", "https://shop.example http://localhost:8080"),
        ("API_SECRET", f"{KEY},{KEY}"),
        ("GENERIC_SECRET", ""),
        ("GENERIC_SECRET", "A" * 32),
        ("GENERIC_SECRET", f"whsec_{'A' * 86}, whsec_{'B' * 32}"),
    ],
)
def test_a_value_that_is_in_use_somewhere_is_taken(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"AFTERCART_{name}", value)
    assert getattr(read_settings(), name.lower()) == value


def test_all_faults_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERCART_WORKERS", "x")
    monkeypatch.setenv("AFTERCART_BASE_URL", "x")
    with pytest.raises(ConfigError) as refused:
        read_settings()
    assert "AFTERCART_WORKERS" in str(refused.value)
    assert "AFTERCART_BASE_URL" in str(refused.value)


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("AFTERCART_WORKERS=7\nAFTERCART_BASE_URL=https://a.example/\n", encoding="utf-8")
    monkeypatch.setenv("AFTERCART_WORKERS", "3")
    settings = read_settings()
    assert settings.workers == 3
    assert settings.base_url == "https://a.example"


def test_secrets_rotate_newest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERCART_SECRET_KEY", f"{'n' * 32}, {KEY},")
    assert read_settings().secret_key == ("n" * 32, KEY)


def test_every_setting_says_what_it_is() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name


def test_the_table_in_the_docs_says_what_the_settings_say() -> None:
    docs = (Path(__file__).parent.parent / "docs" / "operations.md").read_text(encoding="utf-8")
    table = docs.partition("| name | default | meaning |\n|---|---|---|\n")[2].partition("\n\n")[0]
    assert table.splitlines() == [
        f"| `{name.upper()}` | {_default(field)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "(must be set)"
    return f"`{field.default}`" if str(field.default) else "empty"


def test_a_mail_service_s_key_is_found_in_the_environment_and_in_the_env_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under its vendor's name, which is none of ours to refuse; the environment wins."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("POSTMARK_SERVER_TOKEN=of-the-file\nRESEND_API_KEY=of-the-file\nMAILGUN_API_KEY=\n")
    monkeypatch.setenv("RESEND_API_KEY", "of-the-environment")
    monkeypatch.delenv("MAILGUN_API_KEY", raising=False)
    found = environment()
    assert (found["POSTMARK_SERVER_TOKEN"], found["RESEND_API_KEY"]) == ("of-the-file", "of-the-environment")
    assert "MAILGUN_API_KEY" not in found
