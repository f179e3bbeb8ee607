"""Figures for other tools: views in the database, and files, read back by tools that others made."""

import csv
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
import tableauhyperapi as hyper

from aftercart.db.session import Database
from aftercart.db.tables import attributions, cohort_days, exposures, links, opens, picks, recipients
from aftercart.db.views import views
from aftercart.errors import MissingExtraError
from aftercart.exchange.rates import Rate, table
from aftercart.reports.out.files import HYPER_FILE, write
from aftercart.reports.out.format import Format
from aftercart.reports.out.table import BATCH
from tests.rows import MONDAY, Rows

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FIGURES = Path(__file__).parents[2] / "docs" / "figures.md"


class Story:
    """Ada, who has moved to a new address, clicked in a mail about her bike and bought a lamp; a scanner clicked, too.

    Of a second mail, to Ben, nothing came.
    """

    def __init__(self, database: Database) -> None:
        rows = Rows(database)
        old, self.ada, self.ben = (rows.recipient(f"{name}@example.com") for name in ("old-ada", "ada", "ben"))
        bike, lamp, bell = rows.order(old), rows.order(self.ada, MONDAY + DAY, total_minor=2_500), rows.order(self.ben)
        rows.line(lamp, "LAMP", 1.5, 1_667)
        self.mail, self.other = rows.send(bike, old, MONDAY), rows.send(bell, self.ben, None)
        rows.link(self.mail)
        rows.click(self.mail, old, MONDAY + HOUR / 60, verdict="machine")
        click = rows.click(self.mail, old, MONDAY + HOUR)
        with database.write() as connection:
            connection.execute(recipients.update().where(recipients.c.id == old).values(merged_into=self.ada))
            connection.execute(
                attributions.insert(),
                {
                    "model": "last_click", "order_id": lamp, "send_id": self.mail, "click_id": click,
                    "amount_minor": 2_500, "reversed_minor": 500, "currency": "EUR", "created_at": MONDAY,
                },
            )  # fmt: skip
            connection.execute(
                exposures.insert(),
                {"experiment": "brand", "recipient_id": old, "arm": "treated", "config_hash": "c1", "at": MONDAY},
            )
            cohort = {"basis": "mailed", "week": MONDAY.date(), "people": 1, "revenue_minor": 0, "currency": ""}
            bought = {"people": 0, "revenue_minor": 2_000, "currency": "EUR"}
            for day, row in ((MONDAY, cohort), (MONDAY + DAY, cohort | bought)):
                connection.execute(cohort_days.insert(), row | {"day": day.date()})
            opened = {"send_id": self.mail, "recipient_id": old, "at": MONDAY + HOUR}
            connection.execute(opens.insert(), opened | {"verdict": "machine", "reason": "apple"})
            connection.execute(opens.insert(), opened | {"verdict": "human", "reason": "proxy"})
            connection.execute(
                picks.insert(),
                {
                    "send_id": self.mail, "slot": 1, "sku": "LAMP", "title": 'A "lamp", bright', "because": "BIKE",
                    "source": "lightfm", "score": 0.75, "evidence": {},
                },
            )  # fmt: skip


@pytest.fixture
def story(database: Database) -> Story:
    return Story(database)


def asked(database: Database, question: str) -> list[Mapping[str, Any]]:
    """As any other tool asks, without our types."""
    with database.read() as connection:
        return [dict(row) for row in connection.exec_driver_sql(question).mappings()]


def test_views_say_the_same_on_both_databases(database: Database, story: Story) -> None:
    (mail,) = asked(database, "SELECT * FROM report_mails WHERE state = 'sent'")
    assert (mail["mail_id"], mail["person_id"]) == (str(story.mail), story.ada)
    assert (mail["human_clicks"], mail["machine_clicks"]) == (1, 1)
    for at in (mail["first_clicked_at"], mail["first_opened_at"]):
        instant = datetime.fromisoformat(at).replace(tzinfo=UTC) if isinstance(at, str) else at
        assert instant == MONDAY + HOUR, "SQLite has no type for instants: it is text there, in UTC"
    assert mail["opened_by"] == "human"
    (other,) = asked(database, f"SELECT * FROM report_mails WHERE person_id = {story.ben}")
    assert (other["human_clicks"], other["sent_at"], other["first_clicked_at"]) == (0, None, None)
    assert (other["opened_by"], other["first_opened_at"]) == (None, None)
    (credit,) = asked(database, "SELECT * FROM report_credits")
    assert (credit["mail_id"], credit["net_minor"], credit["currency"]) == (str(story.mail), 2_000, "EUR")
    verdicts = asked(database, "SELECT verdict, url FROM report_clicks ORDER BY clicked_at")
    assert [(row["verdict"], row["url"]) for row in verdicts] == [
        ("machine", "https://shop.example/lamp"),
        ("human", "https://shop.example/lamp"),
    ]
    (line,) = asked(
        database, "SELECT o.person_id, l.* FROM report_order_lines l JOIN report_orders o USING (shop_order_id)"
    )
    assert (line["person_id"], line["sku"], line["quantity"]) == (story.ada, "LAMP", 1.5)
    assert [row["arm"] for row in asked(database, f"SELECT arm FROM report_arms WHERE person_id = {story.ada}")] == [
        "treated"
    ]


def test_a_view_names_its_columns_alike_on_both_databases_and_in_the_docs() -> None:
    on = {name: {view: query.selected_columns.keys() for view, query in views(name).items()} for name in DIALECTS}
    assert on["sqlite"] == on["postgresql"]
    documented: dict[str, list[str]] = {}
    for line in FIGURES.read_text(encoding="utf-8").splitlines():
        if line.startswith("## `"):
            documented[line.split("`")[1].removeprefix("report_")] = columns = []
        elif line.startswith("| `"):
            columns += [word.strip(" `") for word in line.split("|")[1].split(",")]
    assert documented == on["sqlite"]


DIALECTS = ("sqlite", "postgresql")


def test_csv_files_hold_what_was_asked_and_no_address(database: Database, story: Story, tmp_path: Path) -> None:
    counts = exported(database, tmp_path, Format.CSV)
    assert counts == {
        "mails": 2, "clicks": 2, "credits": 1, "orders": 3, "order_lines": 1, "picks": 1, "decisions": 0, "arms": 1,
        "pairs": 0, "recommendations": 0, "domains": 0, "cohorts": 2,
    }  # fmt: skip
    assert sorted(file.name for file in tmp_path.iterdir() if file.suffix == ".csv") == sorted(
        f"{name}.csv" for name in counts
    )
    with (tmp_path / "mails.csv").open(encoding="utf-8", newline="") as file:
        by_id = {row["mail_id"]: row for row in csv.DictReader(file)}
    assert by_id[str(story.mail)]["sent_at"] == "2026-03-02T10:00:00.000000Z"
    assert by_id[str(story.other)]["sent_at"] == ""
    with (tmp_path / "picks.csv").open(encoding="utf-8", newline="") as file:
        assert next(csv.DictReader(file))["title"] == 'A "lamp", bright'
    assert not [file for file in tmp_path.glob("*.csv") if "@" in file.read_text(encoding="utf-8")]


def test_parquet_files_are_read_by_duckdb_with_their_types(database: Database, story: Story, tmp_path: Path) -> None:
    counts = exported(database, tmp_path, Format.PARQUET)
    with duckdb.connect() as reader:
        found = {name: reader.read_parquet(f"{tmp_path}/{name}.parquet").fetchall() for name in counts}
        sent = reader.sql(
            f"SELECT mail_id, epoch_us(sent_at), human_clicks FROM '{tmp_path}/mails.parquet' WHERE sent_at IS NOT NULL"
        ).fetchall()
        kinds = dict(
            reader.sql(f"DESCRIBE FROM '{tmp_path}/orders.parquet'").project("column_name, column_type").fetchall()
        )
    assert {name: len(rows) for name, rows in found.items()} == counts
    assert sent == [(str(story.mail), int(MONDAY.timestamp() * 1e6), 1)]
    assert (kinds["total_minor"], kinds["imported"], kinds["ordered_at"]) == (
        "BIGINT", "BOOLEAN", "TIMESTAMP WITH TIME ZONE",
    )  # fmt: skip


def test_a_hyper_file_is_read_back_by_tableaus_engine(database: Database, story: Story, tmp_path: Path) -> None:
    counts = exported(database, tmp_path, Format.HYPER)
    with (
        hyper.HyperProcess(hyper.Telemetry.DO_NOT_SEND_USAGE_DATA_TO_TABLEAU, parameters={"log_config": ""}) as process,
        hyper.Connection(process.endpoint, tmp_path / HYPER_FILE) as connection,
    ):
        found = {name: connection.execute_scalar_query(f'SELECT count(*) FROM "public"."{name}"') for name in counts}
        sent = connection.execute_list_query("SELECT mail_id, sent_at FROM mails WHERE sent_at IS NOT NULL")
    assert found == counts
    ((mail, at),) = sent
    assert (mail, at.to_datetime().replace(tzinfo=UTC)) == (str(story.mail), MONDAY)


def test_more_rows_than_a_batch_all_arrive(database: Database, story: Story, tmp_path: Path) -> None:
    many = BATCH + 1
    with database.write() as connection:
        rows = [{"send_id": story.mail, "position": n, "url": "https://shop.example"} for n in range(1, many)]
        connection.execute(links.insert(), rows)
        exposed = [
            {"experiment": f"e{n}", "recipient_id": story.ben, "arm": "a", "config_hash": "", "at": MONDAY}
            for n in range(many)
        ]
        connection.execute(exposures.insert(), exposed)
    assert exported(database, tmp_path, Format.CSV)["arms"] == many + 1
    assert len((tmp_path / "arms.csv").read_text(encoding="utf-8").splitlines()) == many + 2


@pytest.mark.usefixtures("story")
def test_amounts_are_converted_by_the_rate_of_their_day_and_what_has_none_stays(
    database: Database, tmp_path: Path
) -> None:
    rates = table("USD", [Rate("EUR", (MONDAY + DAY).date(), Decimal("1.1"))])
    write(database, tmp_path, Format.CSV, lambda _name, _rows: None, rates)
    for name, amount, converted in (
        ("credits", "net_minor", {"2200 USD"}),
        ("orders", "total_minor", {"10000 EUR", "2750 USD"}),
        ("order_lines", "unit_price_minor", {"1834 USD"}),
        ("cohorts", "revenue_minor", {"0 ", "2200 USD"}),
    ):
        with (tmp_path / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            assert {f"{row[amount]} {row['currency']}" for row in csv.DictReader(file)} == converted


@pytest.fixture
def without_the_library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, request.param, None)


@pytest.mark.parametrize(
    ("without_the_library", "format_"),
    [("pyarrow", Format.PARQUET), ("tableauhyperapi", Format.HYPER)],
    indirect=["without_the_library"],
)
@pytest.mark.usefixtures("without_the_library")
def test_a_format_whose_library_is_missing_says_what_to_install_and_leaves_nothing_behind(
    format_: Format, database: Database, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    with pytest.raises(MissingExtraError, match=f"aftercart\\[{format_}\\]"):
        exported(database, folder, format_)
    assert not list(folder.iterdir())


def exported(database: Database, folder: Path, format_: Format) -> dict[str, int]:
    counts: dict[str, int] = {}
    write(database, folder, format_, counts.__setitem__)
    return counts
