"""`suppress`, `unsuppress`, `import suppressions|consents`, `erase`, `export`, as they are typed."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from aftercart.db.session import Database
from aftercart.db.tables import consents, recipients, suppressions
from aftercart.policy.address_hash import AddressHashes
from aftercart.policy.store import suppress
from aftercart.policy.suppression import SuppressionReason
from aftercart.starter import init
from aftercart.testing import lay_down
from tests.cli.conftest import Typed
from tests.commanded import aftercart
from tests.rows import MONDAY, Rows

ADA = "ada@example.com"


@pytest.fixture
def rows(tmp_path: Path) -> Iterator[Rows]:
    init(tmp_path)
    url = f"sqlite:///{tmp_path / 'data' / 'aftercart.db'}"
    lay_down(url)
    with closing(Database(url)) as database:
        yield Rows(database)


def listed(rows: Rows) -> list[tuple[str, str, str, str]]:
    return [(row["email"], row["scope"], row["topic"], row["reason"]) for row in rows.all(suppressions)]


@pytest.mark.parametrize(
    ("words", "entry"),
    [
        ((), ("all", "", "manual")),
        (("--marketing",), ("brand", "", "manual")),
        (("--topic", "recommendations"), ("topic", "recommendations", "manual")),
        (("--reason", "unsubscribed"), ("brand", "", "unsubscribed")),
        (("--reason", "complaint"), ("all", "", "complaint")),
    ],
    ids=["all", "marketing", "topic", "left", "complained"],
)
def test_an_address_is_put_on_the_list(
    typed: Typed, rows: Rows, words: tuple[str, ...], entry: tuple[str, str, str]
) -> None:
    assert typed("suppress", " Ada@Example.com ", *words).exit_code == 0
    assert listed(rows) == [(ADA, *entry)]


@pytest.mark.parametrize(
    ("words", "noes"),
    [
        (("--reason", "unsubscribed"), ["operator"]),
        (("--reason", "unsubscribed", "--topic", "recommendations"), []),
        ((), []),
    ],
    ids=["left", "left a topic", "by hand"],
)
def test_who_left_said_no_and_lifting_the_entry_brings_no_older_yes_back(
    typed: Typed, rows: Rows, words: tuple[str, ...], noes: list[str]
) -> None:
    rows.consent(rows.recipient(ADA), "granted", MONDAY)
    typed("suppress", ADA, *words)
    typed("unsuppress", ADA)
    said = [(row["state"], row["source"]) for row in rows.all(consents)]
    assert said == [("granted", "generic"), *(("denied", source) for source in noes)]


def test_an_erased_address_is_not_written_down_again(typed: Typed, rows: Rows) -> None:
    with rows.db.write() as connection:
        suppress(connection, [AddressHashes(["k" * 40]).of(ADA)], SuppressionReason.ERASED, "test", MONDAY)
    assert typed("suppress", ADA, "--reason", "unsubscribed").exit_code == 0
    assert ADA not in str([*rows.all(suppressions), *rows.all(recipients)])


def test_what_the_engine_finds_out_itself_is_not_to_be_said(typed: Typed, rows: Rows) -> None:
    refused = typed("suppress", ADA, "--reason", "hard_bounce")
    assert refused.exit_code == 2
    assert "found out by the engine" in " ".join(refused.output.split())
    assert listed(rows) == []


def test_a_topic_of_no_mail_stops_none(typed: Typed, rows: Rows) -> None:
    refused = typed("suppress", ADA, "--topic", "recommendation")
    assert refused.exit_code == 2
    assert "did you mean recommendations?" in " ".join(refused.output.replace("│", "").split())
    assert listed(rows) == []


def test_what_may_be_lifted_is_lifted(typed: Typed, rows: Rows) -> None:
    typed("suppress", ADA)
    typed("suppress", ADA, "--topic", "recommendations")
    assert typed("unsuppress", ADA, "--topic", "recommendations").exit_code == 0
    assert listed(rows) == [(ADA, "all", "", "manual")]
    assert typed("unsuppress", ADA).exit_code == 0
    assert listed(rows) == []
    assert typed("unsuppress", ADA).exit_code == 1


@pytest.mark.parametrize(
    ("reason", "why"),
    [
        (SuppressionReason.HARD_BOUNCE, "no such address"),
        (SuppressionReason.SOFT_BOUNCES, "five mails in a row"),
        (SuppressionReason.COMPLAINT, "marked a mail as spam"),
    ],
    ids=str,
)
def test_what_may_not_be_lifted_stays_and_the_reason_is_told(
    typed: Typed, rows: Rows, reason: SuppressionReason, why: str
) -> None:
    """T50"""
    with rows.db.write() as connection:
        suppress(connection, [ADA], reason, "test", MONDAY)
    refused = typed("unsuppress", ADA)
    assert refused.exit_code == 1
    assert why in refused.output
    assert listed(rows) == [(ADA, "all", "", reason)]


def test_a_person_is_shown_and_erased_and_never_lifted_though_only_a_hash_is_left(
    typed: Typed, rows: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AFTERCART_SECRET_KEY")
    rows.order(rows.recipient(ADA))
    written = aftercart(tmp_path, "export", "--person", ADA, "--out", "ada.json")
    assert (written.returncode, "rows of" in written.stdout) == (0, True)
    content = json.loads((tmp_path / "ada.json").read_text())
    assert content["tables"]["recipients"][0]["email"] == ADA
    assert json.loads(aftercart(tmp_path, "export", "--person", ADA).stdout)["tables"] == content["tables"]
    assert aftercart(tmp_path, "export", "--person", ADA, "--out", "ada.json/x").returncode == 2
    assert "Erased: ada@example.com, of 1 order" in aftercart(tmp_path, "erase", ADA).stdout
    assert aftercart(tmp_path, "export", "--person", "nobody@example.com").returncode == 1
    refused = typed("unsuppress", ADA)
    assert refused.exit_code == 1
    assert "asked to be forgotten" in refused.output
    assert ADA not in str(rows.all(suppressions))
    assert ADA not in str(rows.all(recipients))


@pytest.mark.parametrize("command", ["suppress", "unsuppress", "erase"])
def test_what_is_no_address_is_wrong_usage(typed: Typed, rows: Rows, command: str) -> None:
    assert typed(command, "ada").exit_code == 2
    assert listed(rows) == []


def test_lists_of_another_service_come_in(typed: Typed, rows: Rows, tmp_path: Path) -> None:
    file = tmp_path / "suppressed.csv"
    file.write_text("Email,Reason,Timestamp\nada@example.com,HARD_BOUNCE,2024-01-01\nx,HARD_BOUNCE,2024-01-01\n")
    done = typed("import", "suppressions", str(file), "--from", "klaviyo")
    assert done.exit_code == 1
    assert f"{file.name}:3: email" in done.output.replace("\n", "")
    assert listed(rows) == [(ADA, "all", "", "hard_bounce")]
    agreed = tmp_path / "agreed.csv"
    agreed.write_text("email,consent_at,consent_basis\nada@example.com,2024-01-01,express\n")
    assert typed("import", "consents", str(agreed)).exit_code == 0
    told = typed("explain", ADA).output
    assert "they said so themselves (express)" in told
    assert "No mail any more: hard bounce" in told
    assert typed("import", "consents", str(agreed), "--from", "sendy").exit_code == 2
