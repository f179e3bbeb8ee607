"""What people and machines do to a mail, as it was published, each hit with who it was; judged as live ones are."""

import csv
from collections import Counter
from datetime import timedelta
from itertools import groupby
from pathlib import Path

from aftercart.db.session import Database
from aftercart.db.tables import clicks
from aftercart.pipeline.recipients.record import Click, Link, Visit, keep_clicks
from aftercart.tracking.links import TRAP
from tests.rows import MONDAY, Rows, a_database

HITS = Path(__file__).parent / "labelled_hits.csv"
"""`seconds` after the hand-over. From resend-node#901, craft-campaign#546, listmonk#1078, Notifuse's and Keila's rules,
crawler-user-agents, and what mail gateways, chats and browsers say of themselves."""
DOCS = Path(__file__).parents[3] / "docs" / "reports.md"
MISSED = {
    "one link, twelve seconds after arrival, from another system than the reader's": 2,
    "a scanner takes its time: a link a minute, not the hidden one": 3,
    "a link is checked the moment its reader opens it": 2,
}
LOST = {
    "a reader opens three links at once in tabs of their own": 3,
    "a reader waits for the mail, and opens it at once": 1,
}


def replayed(db: Database) -> list[tuple[str, str, str]]:
    """Of each hit who it was, who it was taken for, and what was going on."""
    told = list(csv.DictReader(HITS.read_text(encoding="utf-8").splitlines()))
    rows = Rows(db)
    for mail, hits in groupby(told, lambda hit: hit["mail"]):
        who = rows.recipient(f"reader{mail}@example.com")
        send = rows.send(rows.order(who), who, MONDAY)
        for hit in hits:
            position = TRAP if hit["link"] == "hidden" else int(hit["link"])
            at = MONDAY + timedelta(seconds=int(hit["seconds"]))
            link = Link(send, position, "https://shop.example/lamp", who, MONDAY)
            with db.write() as connection:
                keep_clicks(connection, [Click(link, Visit(hit["method"], hit["agent"]), at)], {}, at)
    verdicts = [row["verdict"] for row in sorted(rows.all(clicks), key=lambda row: row["id"])]
    return [(hit["who"], verdict, hit["pattern"]) for hit, verdict in zip(told, verdicts, strict=True)]


def test_how_many_machines_are_known_and_how_many_people_are_lost_is_what_the_docs_say(tmp_path: Path) -> None:
    """T42."""
    db = a_database(tmp_path)
    judged = replayed(db)
    db.close()
    assert Counter(pattern for who, taken, pattern in judged if (who, taken) == ("machine", "human")) == MISSED
    assert Counter(pattern for who, taken, pattern in judged if (who, taken) == ("human", "machine")) == LOST
    machines, people = (sum(who == label for who, *_ in judged) for label in ("machine", "human"))
    said = (
        f"{machines - sum(MISSED.values())} of {machines} hits of machines are known as such, and {sum(LOST.values())} "
        f"of {people} clicks of people are taken for a machine's"
    )
    assert said in " ".join(DOCS.read_text(encoding="utf-8").split())
