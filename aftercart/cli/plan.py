"""`aftercart plan` and `aftercart apply`: what an edit of campaigns, templates or brand file does to planned mails."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aftercart.cli.table import print_table
from aftercart.quantity import counted, named

if TYPE_CHECKING:
    from aftercart.pipeline.planning.effects import Effects
    from aftercart.pipeline.planning.waiting import Waiting

AS_JSON = Annotated[bool, typer.Option("--json", help="One JSON object.")]
WORDS = {
    "kept": "stay as they are",
    "varied": "go as another variant",
    "retimed": "get another time",
    "added": "are new",
    "canceled": "are canceled",
    "past": "would be due in the past",
    "missed": "of a new step, too late for these orders",
}
HOLDOUT = {
    "held_back": ("does not go: its reader falls into the holdout", "do not go: their readers fall into the holdout"),
    "held_back_no_more": ("goes: its reader is in no holdout any more", "go: their readers are in no holdout any more"),
}
"""What an edited holdout does to a mail, and to several."""
HELD = {
    "all_paused": "while all mail is paused",
    "campaign_paused": "while it is paused",
    "no_file": "for its file, which is not there",
}


def plan(
    directory: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DIR]", help="A folder of campaigns, as an edited copy; without it this deployment's.", exists=True
        ),
    ] = None,
    templates: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A folder of templates, as an edited copy.", exists=True)
    ] = None,
    as_json: AS_JSON = False,
) -> None:
    """Tell what the files, as they stand, do to planned mails. Changes nothing; exit code 1: it cannot be done."""
    from aftercart.campaigns.loader import load_campaigns
    from aftercart.cli.open import working
    from aftercart.pipeline.planning.effects import effects

    with working() as engine:
        settings = engine.settings
        there = load_campaigns(directory, templates or settings.templates_dir) if directory else None
        told = effects(engine, there, templates)
    _print(told, as_json=as_json)
    if not as_json and told.changes_something and not told.past:
        is_copy = directory or templates
        print("Once the files are in place, `aftercart apply`." if is_copy else "`aftercart apply` does it.")
    if told.past:
        raise typer.Exit(1)


def apply(as_json: AS_JSON = False) -> None:
    """Plan the mails that are under way as the campaigns say now; refused where one would be due in the past."""
    from aftercart.cli.open import working
    from aftercart.pipeline.planning.replan import carry_out

    with working() as engine:
        told = carry_out(engine)
    _print(told, as_json=as_json)
    if not as_json:
        print("Done." if told.changes_something else "There was nothing to do.")


def _print(told: "Effects", *, as_json: bool) -> None:
    rows = list(_rows(told))
    if as_json:
        about: dict[str, Any] = {"people": len(told.people), "waiting_for_file": dict(told.waiting_for_file)}
        about["waiting"] = list(_waiting(told))
        about["holdout"] = [{"campaign": name, "effect": how, "mails": n} for (name, how), n in told.holdout.items()]
        notes = [{"campaign": name, "step": step, "note": note} for name, step, note in told.experiments]
        print(json.dumps({"mails": rows, **about, "experiments": notes}, default=str))
        return
    if rows:
        titles = ("campaign / step", "mails", "what becomes of them", "such as: due", "would be due (UTC)")
        print_table(titles, map(_cells, rows))
    for name, step, note in told.experiments:
        print(f"{name} / {step}: {note}.")
    for (campaign, how), count in sorted(told.holdout.items()):
        print(f"{counted(count, 'planned mail')} of {campaign} {named(count, HOLDOUT[how][0], HOLDOUT[how][1])}.")
    for (campaign, why), found in sorted(told.waiting.items()):
        print(f"{_who_waits(campaign, found)} {HELD[why]}{_until(found)}.")
    people = counted(len(told.people), "person", "people")
    print(f"\n{counted(told.touched, 'mail')} to {people} {named(told.touched, 'changes', 'change')}.")


def _who_waits(campaign: str, found: "Waiting") -> str:
    mails = counted(found.mails, f"planned mail of {campaign}", f"planned mails of {campaign}")
    people = counted(len(found.people), "person", "people")
    due = f" ({counted(found.due, 'is', 'are')} due already)" if found.due else ""
    return f"{mails} to {people}{due} {named(found.mails, 'waits', 'wait')}"


def _until(found: "Waiting") -> str:
    """When they expire if that never ends."""
    if found.mails == 1:
        return f", and expires on {_time(found.first_expires)} (UTC)"
    return f"; the first expires on {_time(found.first_expires)}, the last on {_time(found.last_expires)} (UTC)"


def _waiting(told: "Effects") -> Iterator[dict[str, Any]]:
    for (campaign, why), found in sorted(told.waiting.items()):
        about = {"campaign": campaign, "waits": str(why), "mails": found.mails, "due": found.due}
        expiry = {"first_expires": found.first_expires, "last_expires": found.last_expires}
        yield {**about, "people": len(found.people), **expiry}


def _rows(told: "Effects") -> Iterator[dict[str, Any]]:
    for (campaign, step, effect), count in sorted(told.mails.items()):
        due, new = told.examples[campaign, step, effect]
        content = told.new_content[campaign, step, effect]
        edited = sorted(told.causes[campaign, step, effect])
        about = {"campaign": campaign, "step": step, "effect": str(effect), "mails": count, "new_content": content}
        about["edited"] = edited
        yield {**about, "due": due, "new_due": new if effect != "kept" else None}


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    count = row["new_content"]
    of = "" if count == row["mails"] else f"{count:,} of them "
    words = WORDS[row["effect"]] + (f", {of}with new content ({', '.join(row['edited'])})" if count else "")
    return f"{row['campaign']} / {row['step']}", f"{row['mails']:,}", words, _time(row["due"]), _time(row["new_due"])


def _time(instant: datetime | None) -> str:
    return f"{instant:%Y-%m-%d %H:%M}" if instant else ""
