"""Exports of Klaviyo and Mailchimp, as those services write them."""

import zipfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, select

from aftercart.consent.standing import ConsentRules
from aftercart.consent.store import standings
from aftercart.db.session import Database
from aftercart.db.tables import consents, recipients, suppressions
from aftercart.errors import ConfigError
from aftercart.intake.mailing_lists import Service
from aftercart.pipeline.incoming.load_lists import load_consents, load_suppressions
from aftercart.policy.address_hash import AddressHashes
from aftercart.policy.store import lift, suppress
from aftercart.policy.suppression import SuppressionReason
from tests.rows import a_database

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HASHES = AddressHashes(["k" * 40])
KLAVIYO = """\
Email,Reason,Timestamp
Ben@example.com,UNSUBSCRIBE,2024-02-21T20:07:38+00:00
dev@example.com,HARD_BOUNCE,2024-02-22T20:07:38+00:00
eve@example.com,Spam complaint,2024-02-23T20:07:38+00:00
fay@example.com,USER_SUPPRESSED,
not an address,UNSUBSCRIBE,2024-02-21T20:07:38+00:00
gus@example.com,HARD_BOUNCE,yesterday
"""
COMMON = (
    "MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP,LATITUDE,LONGITUDE,GMTOFF,DSTOFF,TIMEZONE,CC,REGION,"
    "LAST_CHANGED,LEID,EUID,NOTES,TAGS"
)
PLACE = ",,,,,,,,2025-01-01 00:00:00,1,ab12,,"
SUBSCRIBED = f"""\
Email Address,First Name,Last Name,{COMMON}
ada@example.com,Ada,L,5,2023-05-01 10:00:00,192.0.2.1,2023-05-01 10:04:00,192.0.2.2{PLACE}
chika@example.com,Chika,,4,2023-06-01 10:00:00,192.0.2.3,2023-06-01 10:00:00,192.0.2.3{PLACE}
imported@example.com,,,2,,,2022-01-01 00:00:00,198.51.100.9{PLACE}
ben@example.com,Ben,,2,2021-01-01 00:00:00,192.0.2.4,2026-02-01 00:01:00,192.0.2.4{PLACE}
"""
UNSUBSCRIBED = f"""\
Email Address,First Name,UNSUB_TIME,UNSUB_CAMPAIGN_TITLE,UNSUB_CAMPAIGN_ID,UNSUB_REASON,UNSUB_REASON_OTHER,{COMMON}
ben@example.com,Ben,2024-05-01 09:00:00,Spring,12,No longer interested,,2,2021-01-01 00:00:00,192.0.2.4,,{PLACE}
eve@example.com,Eve,2024-05-02 09:00:00,Spring,12,Spammy content,,2,2021-01-01 00:00:00,192.0.2.4,,{PLACE}
"""
CLEANED = f"""\
Email Address,First Name,CLEAN_TIME,CLEAN_CAMPAIGN_TITLE,CLEAN_CAMPAIGN_ID,{COMMON}
dev@example.com,Dev,2024-04-01 09:00:00,Spring,12,2,2021-01-01 00:00:00,192.0.2.4,,{PLACE}
"""


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with closing(a_database(tmp_path)) as opened:
        yield opened


def rows(db: Database, table: Table) -> list[dict[str, Any]]:
    with db.read() as connection:
        return [dict(row) for row in connection.execute(select(table)).mappings()]


def listed(db: Database) -> set[tuple[str, str, str]]:
    return {(row["email"], row["scope"], row["reason"]) for row in rows(db, suppressions)}


def written(tmp_path: Path, name: str, text: str) -> Path:
    file = tmp_path / name
    file.write_text(text)
    return file


def export(tmp_path: Path) -> Path:
    """The members in the order in which Mailchimp packs them: those who agreed first."""
    file = tmp_path / "audience_export_1f2e.zip"
    with zipfile.ZipFile(file, "w") as archive:
        for kind, text in (("subscribed", SUBSCRIBED), ("unsubscribed", UNSUBSCRIBED), ("cleaned", CLEANED)):
            archive.writestr(f"{kind}_email_audience_export_1f2e.csv", text)
        archive.writestr("nonsubscribed_email_audience_export_1f2e.csv", "Email Address\nshop@example.com\n")
    return file


def test_klaviyos_suppressed_profiles(db: Database, tmp_path: Path) -> None:
    file = written(tmp_path, "suppressed.csv", KLAVIYO)
    report = load_suppressions(db, file, NOW, HASHES, service=Service.KLAVIYO)
    assert listed(db) == {
        ("ben@example.com", "brand", "unsubscribed"),
        ("dev@example.com", "all", "hard_bounce"),
        ("eve@example.com", "all", "complaint"),
        ("fay@example.com", "brand", "imported"),
    }
    assert (report.rows, report.added, report.bad) == (6, 4, 2)
    assert [str(fault) for fault in report.faults] == [
        f'{file}:6: email: "not an address" is no address',
        f'{file}:7: at: "yesterday" is no ISO 8601 date',
    ]
    again = load_suppressions(db, file, NOW, HASHES, service=Service.KLAVIYO)
    assert (again.added, again.unchanged) == (0, 4)


def test_of_all_profiles_of_klaviyo_only_those_with_a_suppression_are_listed(db: Database, tmp_path: Path) -> None:
    """Its export of a whole list has the same column, empty or `[]` where somebody may be mailed."""
    text = (
        "Email,Email Marketing Consent,Email Suppressions\n"
        "ada@example.com,SUBSCRIBED,\nchika@example.com,SUBSCRIBED,[]\n"
        "dev@example.com,SUBSCRIBED,['HARD_BOUNCE']\n"
        "ben@example.com,UNSUBSCRIBED,\"['USER_SUPPRESSED', 'UNSUBSCRIBE']\"\n"
        "eve@example.com,SUBSCRIBED,\"['UNSUBSCRIBE', 'SPAM_COMPLAINT']\"\n"
    )
    report = load_suppressions(db, written(tmp_path, "profiles.csv", text), NOW, HASHES, service=Service.KLAVIYO)
    assert listed(db) == {
        ("dev@example.com", "all", "hard_bounce"),
        ("ben@example.com", "brand", "unsubscribed"),
        ("eve@example.com", "all", "complaint"),
    }
    assert (report.rows, report.added, report.passed_over) == (5, 3, 2)
    assert report.notes == ("2 of the rows name no suppression: passed over",)


def test_who_left_mailchimp_is_taken_first_and_no_subscribed_file_takes_them_back(db: Database, tmp_path: Path) -> None:
    report = load_consents(db, export(tmp_path), NOW, HASHES, service=Service.MAILCHIMP)
    assert listed(db) == {
        ("ben@example.com", "brand", "unsubscribed"),
        ("eve@example.com", "all", "complaint"),
        ("dev@example.com", "all", "hard_bounce"),
    }
    assert report.notes == ("1 of them are on the list of those who must not be mailed, and stay there",)
    assert (report.rows, report.bad) == (7, 0)


def test_what_mailchimp_proves_is_kept_and_nothing_more(db: Database, tmp_path: Path) -> None:
    """A confirm time alone is set by every import: it is no double opt-in."""
    load_consents(db, export(tmp_path), NOW, HASHES, service=Service.MAILCHIMP)
    emails = {row["id"]: row["email"] for row in rows(db, recipients)}
    yeses = [row for row in rows(db, consents) if row["state"] == "granted"]
    kept = {emails[row["recipient_id"]]: (row["basis"], row["ip"], row["at"]) for row in yeses}
    assert kept == {
        "ada@example.com": ("double_opt_in", "192.0.2.2", datetime(2023, 5, 1, 10, 4, tzinfo=UTC)),
        "chika@example.com": ("express", "192.0.2.3", datetime(2023, 6, 1, 10, tzinfo=UTC)),
        "imported@example.com": ("", "", datetime(2022, 1, 1, tzinfo=UTC)),
        "ben@example.com": ("double_opt_in", "192.0.2.4", datetime(2026, 2, 1, 0, 1, tzinfo=UTC)),
    }
    assert "shop@example.com" not in emails.values()


def test_their_own_columns_go_before_a_field_that_happens_to_be_called_as_ours(db: Database, tmp_path: Path) -> None:
    """Both services let a shop add fields of any name: another address, the state in which somebody lives."""
    mailchimp = (
        "Email,Email Address,OPTIN_TIME,OPTIN_IP\nwork@example.com,ada@example.com,2023-06-01 10:00:00,192.0.2.3\n"
    )
    file = written(tmp_path, "subscribed_email_audience_export_1f2e.csv", mailchimp)
    load_consents(db, file, NOW, HASHES, service=Service.MAILCHIMP)
    klaviyo = "Email,State,Email Marketing Consent\nben@example.com,Ohio,SUBSCRIBED\n"
    load_consents(db, written(tmp_path, "list.csv", klaviyo), NOW, HASHES, service=Service.KLAVIYO)
    assert {row["email"] for row in rows(db, recipients)} == {"ada@example.com", "ben@example.com"}
    assert [row["state"] for row in rows(db, consents)] == ["granted", "granted"]


def test_only_those_who_must_not_be_mailed_are_taken_where_that_is_asked_for(db: Database, tmp_path: Path) -> None:
    assert load_suppressions(db, export(tmp_path), NOW, HASHES, service=Service.MAILCHIMP).added == 3
    assert [row["state"] for row in rows(db, consents)] == ["denied"]


@pytest.mark.parametrize(
    ("name", "text", "load", "message"),
    [
        ("subscribed_x.csv", SUBSCRIBED, load_suppressions, "import consents"),
        ("cleaned_x.csv", CLEANED, load_consents, "import suppressions"),
        ("list.csv", SUBSCRIBED, load_consents, "keep the name that Mailchimp gave it"),
        ("export.zip", "no zip", load_consents, "cannot be read"),
        ("unsubscribed_x.csv", "Email Address\nben@example.com\n", load_suppressions, "has no column at"),
    ],
    ids=["agreed as left", "left as agreed", "renamed", "no zip", "no column"],
)
def test_a_wrong_file_is_refused_with_what_to_do(
    db: Database, tmp_path: Path, name: str, text: str, load: Any, message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as refused:
        load(db, written(tmp_path, name, text), NOW, HASHES, service=Service.MAILCHIMP)
    assert name in str(refused.value)


def test_klaviyos_profiles_say_who_agreed_and_who_did_not(db: Database, tmp_path: Path) -> None:
    file = written(
        tmp_path,
        "profiles.csv",
        "Email,First Name,Email Marketing Consent,Email Marketing Consent Timestamp\n"
        "ada@example.com,Ada,SUBSCRIBED,2024-01-01T00:00:00+00:00\n"
        "ben@example.com,Ben,UNSUBSCRIBED,2024-01-02T00:00:00+00:00\n"
        "dev@example.com,Dev,NEVER_SUBSCRIBED,\n",
    )
    report = load_consents(db, file, NOW, HASHES, service=Service.KLAVIYO)
    assert [(row["state"], row["basis"], row["source"]) for row in rows(db, consents)] == [
        ("granted", "", "klaviyo"),
        ("denied", "", "klaviyo"),
    ]
    assert (report.added, report.unchanged, report.passed_over) == (2, 0, 1)
    assert report.notes == ("1 of the rows say neither yes nor no: passed over",)


def test_who_agreed_at_klaviyo_and_is_suppressed_there_says_no_yes_here(db: Database, tmp_path: Path) -> None:
    text = (
        "Email,Email Marketing Consent,Email Suppressions\n"
        "ada@example.com,SUBSCRIBED,\nchika@example.com,SUBSCRIBED,[]\n"
        "dev@example.com,SUBSCRIBED,HARD_BOUNCE\nben@example.com,UNSUBSCRIBED,UNSUBSCRIBE\n"
    )
    load_consents(db, written(tmp_path, "profiles.csv", text), NOW, HASHES, service=Service.KLAVIYO)
    emails = {row["id"]: row["email"] for row in rows(db, recipients)}
    assert {(emails[row["recipient_id"]], row["state"]) for row in rows(db, consents)} == {
        ("ada@example.com", "granted"),
        ("chika@example.com", "granted"),
        ("ben@example.com", "denied"),
    }


def test_our_own_format_carries_the_evidence_and_refuses_a_basis_that_is_none(db: Database, tmp_path: Path) -> None:
    file = written(
        tmp_path,
        "own.csv",
        "email,consent_at,consent_basis,consent_wording,consent_ip,consent_source,consent_expires_at\n"
        'ada@example.com,2025-01-01,implied,"Yes, write",192.0.2.1,till,2027-01-01\n'
        "ben@example.com,2025-01-01,surely,,,,\n",
    )
    report = load_consents(db, file, NOW, HASHES)
    (kept,) = rows(db, consents)
    assert (kept["basis"], kept["wording"], kept["ip"], kept["source"]) == (
        "implied",
        "Yes, write",
        "192.0.2.1",
        "import:till",
    )
    assert kept["expires_at"] == datetime(2027, 1, 1, tzinfo=UTC)
    assert str(report.faults[0]).startswith(f'{file}:3: consent_basis: "surely" is none of')


def test_a_box_left_empty_is_no_yes(db: Database, tmp_path: Path) -> None:
    """In a file that has none everybody agreed: that is what it is a list of."""
    boxes = "email,accepts_marketing\nada@example.com,yes\nben@example.com,\ndev@example.com,no\n"
    report = load_consents(db, written(tmp_path, "boxes.csv", boxes), NOW, HASHES)
    assert [row["state"] for row in rows(db, consents)] == ["granted", "denied"]
    assert (report.added, report.unchanged, report.passed_over) == (2, 0, 1)
    load_consents(db, written(tmp_path, "list.csv", "email\neve@example.com\n"), NOW, HASHES)
    assert [row["state"] for row in rows(db, consents)] == ["granted", "denied", "granted"]


def test_yes_and_no_may_be_said_as_programs_say_them(db: Database, tmp_path: Path) -> None:
    said = "email,accepts_marketing\nada@example.com,TRUE\nben@example.com,0\ndev@example.com,maybe\n"
    report = load_consents(db, written(tmp_path, "said.csv", said), NOW, HASHES)
    assert [row["state"] for row in rows(db, consents)] == ["granted", "denied"]
    assert [fault.line for fault in report.faults] == [4]


def test_nobody_who_was_erased_comes_back_with_a_file(db: Database, tmp_path: Path) -> None:
    with db.write() as connection:
        suppress(connection, [HASHES.of("ada@example.com")], SuppressionReason.ERASED, "operator", NOW)
    load_consents(db, export(tmp_path), NOW, HASHES, service=Service.MAILCHIMP)
    load_suppressions(db, written(tmp_path, "own.csv", "email\nada@example.com\n"), NOW, HASHES)
    left = "email,reason\nada@example.com,unsubscribed\n"
    load_suppressions(db, written(tmp_path, "left.csv", left), NOW, HASHES)
    assert "ada@example.com" not in {row["email"] for table in (recipients, suppressions) for row in rows(db, table)}


def test_an_imported_yes_older_than_a_no_heard_here_does_not_hold(db: Database, tmp_path: Path) -> None:
    no = "email,accepts_marketing,consent_at\nada@example.com,no,2025-05-05\n"
    load_consents(db, written(tmp_path, "no.csv", no), NOW, HASHES)
    load_consents(db, export(tmp_path), NOW, HASHES, service=Service.MAILCHIMP)
    ada = next(row["id"] for row in rows(db, recipients) if row["email"] == "ada@example.com")
    with db.read() as connection:
        assert standings(connection, {ada: ada}, NOW, ConsentRules())[ada] == "denied"


# ---------------------------------------------------------------- who has left has said no

THEN = datetime(2024, 5, 1, 9, tzinfo=UTC)
LEFT = "email,reason,at,topic\nben@example.com,unsubscribed,2024-05-01T09:00Z,\n"


def noes(db: Database) -> list[tuple[str, datetime]]:
    """Where they stand in the ledger, and since when."""
    return [(row["source"], row["at"]) for row in rows(db, consents) if row["state"] == "denied"]


@pytest.mark.parametrize(
    ("service", "name", "text"),
    [
        (Service.OWN, "left.csv", LEFT),
        (
            Service.KLAVIYO,
            "left.csv",
            "Email,Reason,Timestamp\nben@example.com,UNSUBSCRIBE,2024-05-01T09:00:00+00:00\n",
        ),
        (Service.MAILCHIMP, "unsubscribed_1f2e.csv", UNSUBSCRIBED),
    ],
    ids=str,
)
def test_who_left_elsewhere_said_no_then(db: Database, tmp_path: Path, service: Service, name: str, text: str) -> None:
    """Once, however often the file comes in."""
    for _ in range(2):
        load_suppressions(db, written(tmp_path, name, text), NOW, HASHES, service=service)
    assert noes(db) == [(f"import:{service}", THEN)]


def test_a_list_of_leavers_without_dates_says_no_since_it_first_came(db: Database, tmp_path: Path) -> None:
    file = written(tmp_path, "left.csv", "email,reason\nben@example.com,unsubscribed\n")
    for later in range(3):
        load_suppressions(db, file, NOW + timedelta(days=later), HASHES)
    assert noes(db) == [("import:own", NOW)]


@pytest.mark.parametrize(
    "row",
    ["ben@example.com,unsubscribed,,news", "ben@example.com,imported,,", "ben@example.com,hard_bounce,,"],
    ids=["of a topic", "who knows why", "bounced"],
)
def test_nobody_says_no_who_did_not_leave_the_brand(db: Database, tmp_path: Path, row: str) -> None:
    file = written(tmp_path, "list.csv", f"email,reason,at,topic\n{row}\n")
    load_suppressions(db, file, NOW, HASHES, topics=lambda: ["news"])
    assert len(listed(db)) == 1
    assert rows(db, consents) == []


@pytest.mark.parametrize(
    ("agreed_on", "stands"), [("2024-04-30", "denied"), ("2024-05-02", "granted"), ("", "denied")], ids=str
)
def test_once_the_suppression_is_lifted_a_yes_counts_if_it_is_newer(
    db: Database, tmp_path: Path, agreed_on: str, stands: str
) -> None:
    load_suppressions(db, written(tmp_path, "left.csv", LEFT), NOW, HASHES)
    yes = f"email,consent_at,consent_basis\nben@example.com,{agreed_on},express\n"
    load_consents(db, written(tmp_path, "agreed.csv", yes), NOW, HASHES)
    ben = rows(db, recipients)[0]["id"]
    with db.write() as connection:
        assert lift(connection, "ben@example.com") == 1
        assert standings(connection, {ben: ben}, NOW, ConsentRules())[ben] == stands
