"""`aftercart import products|orders|customers|suppressions|consents|coupons|rates|personalize`: bring in files.

Exit codes: 0 everything went in, 1 some rows were bad (the rest went in), 2 wrong usage or a file of another kind.
"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aftercart.cli.import_options import read_currency, read_day, read_mapping, read_pool, read_zone
from aftercart.cli.known import known_shop
from aftercart.quantity import counted

if TYPE_CHECKING:
    from aftercart.intake.table_file import Progress
    from aftercart.pipeline.incoming.load import Enroll, LoadReport

CsvFile = Annotated[
    Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, readable=True, help="CSV, or CSV.gz.")
]
ListFile = Annotated[
    Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, readable=True, help="CSV, or a service's export.")
]
FromOption = Annotated[str, typer.Option("--from", help="Whose export it is: own, klaviyo, mailchimp.")]
MapOption = Annotated[
    list[str] | None, typer.Option("--map", metavar="THEIRS=OURS", help="What a column is called here. Repeat it.")
]
ShopOption = Annotated[
    str, typer.Option("--shop", help="Whose ids these are: generic, shopify, woocommerce. Later webhooks match them.")
]
CurrencyOption = Annotated[str, typer.Option("--currency", help="Of the prices, where the file does not say.")]
ZoneOption = Annotated[str, typer.Option("--time-zone", help="Of dates that name none, such as Europe/Paris.")]
JsonOption = Annotated[bool, typer.Option("--json", help="The report as one JSON object.")]


def import_products(
    file: CsvFile, map_: MapOption = None, currency: CurrencyOption = "EUR", as_json: JsonOption = False
) -> None:
    """Import products: sku, title and, where there are, category, department, brand, family, color, description,
    price, compare_at_price (struck through where it is above the price), cost (what one costs you, never shown),
    currency, prices (in others: 12.90 CHF; 14 USD), image_url, url, rating (of 5), rating_count, stock, published.

    Common names of other systems are known: product_id is sku, name is title, and so on; --map names others.
    """
    from aftercart.cli.open import open_database
    from aftercart.clock import utc_now
    from aftercart.pipeline.incoming.load import load_products

    mapping, code = read_mapping(map_), read_currency(currency)
    with open_database() as database, _usage_checked(), _bar(file) as progress:
        report = load_products(
            database,
            file,
            utc_now(),
            currency=code,
            link_hosts=_link_hosts(),
            mapping=mapping,
            progress=progress,
        )
    _conclude(report, "product", as_json=as_json)


def import_orders(
    file: CsvFile,
    map_: MapOption = None,
    shop: ShopOption = "generic",
    currency: CurrencyOption = "EUR",
    time_zone: ZoneOption = "UTC",
    send_since: Annotated[
        str, typer.Option(metavar="DATE", help="Orders from this day on may start campaigns. Without it none does.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Import past orders, one line of an order a row: order_id, customer_id (empty for a guest), ordered_at, sku,
    quantity, unit_price and, where there are, email, currency, country.

    Common names of other systems are known: product_id is sku, timestamp is ordered_at, and so on; --map names others.
    Imported orders are to learn from and never mail, unless --send-since says so.
    """
    from aftercart.cli.open import address_hashes, open_database
    from aftercart.clock import utc_now
    from aftercart.pipeline.incoming.load import load_orders

    mapping, zone, code = read_mapping(map_), read_zone(time_zone), read_currency(currency)
    shop, since = known_shop(shop), read_day(send_since, zone)
    may_mail = _enrolling() if since else nullcontext()
    with open_database() as database, may_mail as enroll, _usage_checked(), _bar(file) as progress:
        report = load_orders(
            database,
            file,
            utc_now(),
            address_hashes(),
            shop=shop,
            currency=code,
            zone=zone,
            send_since=since,
            enroll=enroll,
            mapping=mapping,
            progress=progress,
        )
    _conclude(report, "order line", as_json=as_json)


def import_customers(
    file: CsvFile,
    map_: MapOption = None,
    shop: ShopOption = "generic",
    time_zone: ZoneOption = "UTC",
    as_json: JsonOption = False,
) -> None:
    """Import customers: email and, where there are, customer_id, first_name, locale, time_zone, country,
    accepts_marketing (yes or no; empty says nothing) and consent_at.

    A yes without consent_at counts only for people about whom nothing is known.
    """
    from aftercart.cli.open import address_hashes, open_database
    from aftercart.clock import utc_now
    from aftercart.pipeline.incoming.load import load_customers

    shop, mapping, zone = known_shop(shop), read_mapping(map_), read_zone(time_zone)
    with open_database() as database, _usage_checked(), _bar(file) as progress:
        report = load_customers(
            database, file, utc_now(), address_hashes(), shop=shop, zone=zone, mapping=mapping, progress=progress
        )
    _conclude(report, "customer", as_json=as_json)


def import_suppressions(
    file: ListFile,
    from_: FromOption = "own",
    map_: MapOption = None,
    time_zone: ZoneOption = "UTC",
    as_json: JsonOption = False,
) -> None:
    """Import addresses that must not be mailed. Do this first, before anybody could be mailed.

    klaviyo: the CSV of the suppressed profiles. mailchimp: the zip of the audience export, or one of the CSV files in
    it (unsubscribed, cleaned). own: email and, where there are, reason, at, topic (one of yours).
    """
    from aftercart.cli.known import all_topics
    from aftercart.pipeline.incoming.load_lists import load_suppressions

    load = partial(load_suppressions, topics=all_topics)
    _import_list(load, file, from_, map_, time_zone, "suppression", as_json=as_json)


def import_consents(
    file: ListFile,
    from_: FromOption = "own",
    map_: MapOption = None,
    time_zone: ZoneOption = "UTC",
    as_json: JsonOption = False,
) -> None:
    """Import who agreed to marketing mail, when, and what proves it. Nobody comes off the list of the suppressed.

    klaviyo: profiles with their Email Marketing Consent. mailchimp: the zip of the audience export (of which those who
    left are taken first), or the CSV of the subscribed. own: email and, where there are, accepts_marketing, consent_at,
    consent_basis, consent_wording, consent_ip, consent_source, consent_expires_at.
    """
    from aftercart.pipeline.incoming.load_lists import load_consents

    _import_list(load_consents, file, from_, map_, time_zone, "consent", as_json=as_json)


def import_coupons(
    file: CsvFile,
    pool: Annotated[
        str, typer.Option(help="Which codes these are, as `coupon: {pool: ...}` of a campaign names them.")
    ],
    map_: MapOption = None,
    expires: Annotated[
        str, typer.Option(metavar="DATE", help="When those end that do not say so themselves. Without it never.")
    ] = "",
    time_zone: ZoneOption = "UTC",
    as_json: JsonOption = False,
) -> None:
    """Import coupon codes that your shop system has made, one a row: code and, where it ends, expires_at.

    Each is handed out once. A code that is there already is not added again, and takes the end that the file says.
    """
    from aftercart.cli.open import open_database
    from aftercart.clock import utc_now
    from aftercart.pipeline.incoming.load_coupons import load_coupons

    mapping, zone = read_mapping(map_), read_zone(time_zone)
    name, end = read_pool(pool), read_day(expires, zone, "--expires")
    with open_database() as database, _usage_checked(), _bar(file) as progress:
        report = load_coupons(
            database,
            file,
            utc_now(),
            pool=name,
            expires=end,
            zone=zone,
            mapping=mapping,
            progress=progress,
        )
    _conclude(report, "code", as_json=as_json)


def import_rates(
    file: CsvFile,
    into: Annotated[str, typer.Option("--in", metavar="CURRENCY", help="The currency that the table leads to.")],
    map_: MapOption = None,
    as_json: JsonOption = False,
) -> None:
    """Import rates of exchange: currency, date, and worth (of one unit) or per_unit (units that one unit buys, as the
    European Central Bank states it).

    The file is one table: it serves `aftercart report --in` from now on, and the one before stays under its version.
    With a bad row nothing is kept.
    """
    from aftercart.cli.open import open_database
    from aftercart.clock import utc_now
    from aftercart.pipeline.incoming.load_rates import load_rates

    mapping, code = read_mapping(map_), read_currency(into, "--in")
    with open_database() as database, _usage_checked(), _bar(file) as progress:
        report, rates = load_rates(database, file, utc_now(), into=code, mapping=mapping, progress=progress)
    if report.rows and not report.bad and not as_json:
        print(f"The version of these rates is {rates.version}.")
    _conclude(report, "rate", as_json=as_json)


def import_personalize(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", exists=True, file_okay=False, help="With ITEMS.csv and INTERACTIONS.csv.")
    ],
    shop: ShopOption = "generic",
    currency: CurrencyOption = "EUR",
    event: Annotated[str, typer.Option(help="The EVENT_TYPE of a purchase; empty: every row is one.")] = "purchase",
) -> None:
    """Import datasets of Amazon Personalize: its items as products, its purchases as past orders.

    What a user bought in the same second is one order, to learn from: it never mails. Of USERS.csv, where it is there,
    the COUNTRY is read.
    """
    from aftercart.cli.open import address_hashes, open_database
    from aftercart.clock import utc_now
    from aftercart.pipeline.incoming.load_personalize import load_interactions, load_items

    shop, code = known_shop(shop), read_currency(currency)
    with open_database() as database, _usage_checked():
        items = load_items(database, folder, utc_now(), currency=code, link_hosts=_link_hosts())
        _print_words(items, "item")
        bought = load_interactions(database, folder, utc_now(), address_hashes(), shop=shop, currency=code, event=event)
        _print_words(bought, "purchase")
    raise typer.Exit(1 if items.bad or bought.bad else 0)


def _import_list(
    load: "Callable[..., LoadReport]",
    file: Path,
    from_: str,
    map_: list[str] | None,
    time_zone: str,
    thing: str,
    *,
    as_json: bool,
) -> None:
    from aftercart.cli.open import address_hashes, open_database
    from aftercart.clock import utc_now
    from aftercart.intake.mailing_lists import Service

    if from_ not in set(Service):
        raise typer.BadParameter(f"{from_}: known are {', '.join(Service)}", param_hint="--from")
    mapping, zone, service = read_mapping(map_), read_zone(time_zone), Service(from_)
    with open_database() as database, _usage_checked(), _bar(file) as bar:
        how = {"service": service, "zone": zone, "mapping": mapping, "progress": bar}
        report = load(database, file, utc_now(), address_hashes(), **how)
    _conclude(report, thing, as_json=as_json)


@contextmanager
def _enrolling() -> "Iterator[Enroll]":
    """Orders that may mail enter campaigns in the transaction that brings them."""
    from aftercart.cli.open import working
    from aftercart.pipeline.planning.enroll import enroll

    with working() as app:
        yield lambda connection, ids, now: enroll(connection, app, ids, now)


def _link_hosts() -> tuple[str, ...] | None:
    """Those of the brand; None where there is no brand that can be read, which `aftercart check` tells about."""
    from aftercart.campaigns.loader import inspect_campaigns
    from aftercart.settings import read_settings

    settings = read_settings()
    brand = inspect_campaigns(settings.campaigns_dir, settings.templates_dir).brand_file
    return brand.value.link_hosts if brand else None


@contextmanager
def _usage_checked() -> Iterator[None]:
    """A file that lacks a column was given to the wrong command, or without --map: wrong usage, not bad rows."""
    from aftercart.errors import ConfigError

    try:
        yield
    except ConfigError as err:
        raise typer.BadParameter(str(err)) from err


# ---------------------------------------------------------------- showing


@contextmanager
def _bar(file: Path) -> "Iterator[Progress]":
    """A progress bar over the bytes of the file, on a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Bar(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(f"Reading {file.name}", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _conclude(report: "LoadReport", thing: str, *, as_json: bool) -> None:
    """Print the report; bad rows go to stderr, one a line. Ends the program with the exit code."""
    show: Callable[..., None] = _print_json if as_json else _print_words
    show(report, thing)
    raise typer.Exit(1 if report.bad else 0)


def _print_json(report: "LoadReport", _thing: str) -> None:
    facts: dict[str, Any] = asdict(report)
    for fault in facts["faults"]:
        fault["file"] = str(fault["file"])
    print(json.dumps(facts))


def _print_words(report: "LoadReport", thing: str) -> None:
    for fault in report.faults:
        print(fault, file=sys.stderr)
    if report.bad > len(report.faults):
        print(f"... and {report.bad - len(report.faults):,} more", file=sys.stderr)
    changed = f", {report.changed:,} changed" if report.changed else ""
    rest = f", {report.passed_over:,} passed over" if report.passed_over else ""
    rest += f", {report.bad:,} bad" if report.bad else ""
    print(f"{counted(report.rows, thing)}: {report.added:,} added{changed}, {report.unchanged:,} there already{rest}.")
    for note in report.notes:
        print(f"aftercart: {note}", file=sys.stderr)
