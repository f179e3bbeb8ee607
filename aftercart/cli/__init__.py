"""The command line: what a person types. Each module holds one group of commands; heavy imports wait inside them.

Exit codes: 0 fine, 1 a fault was found, 2 wrong usage.
"""

import sys
from typing import Annotated

import typer

from aftercart import __version__
from aftercart.cli import (
    attribute,
    backtest,
    by_hand,
    check,
    coupons,
    database,
    demo,
    doctor,
    evaluate,
    events,
    experiments,
    explain,
    export,
    feedback,
    imports,
    measure,
    models,
    plan,
    preview,
    recommend,
    report,
    rights,
    senders,
    sends,
    serve,
    suppress,
    webhooks,
)
from aftercart.cli.typed import Commands
from aftercart.errors import AftercartError

app = typer.Typer(
    cls=Commands,
    name="aftercart",
    help="Aftercart: a completed order becomes one relevant, lawful, measured mail.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
imports_app = typer.Typer(
    help="Bring in files: products, past orders, customers, consents, coupon codes, rates.", no_args_is_help=True
)
models_app = typer.Typer(help="Which version of the recommendation model serves.", no_args_is_help=True)
experiments_app = typer.Typer(help="Plan experiments in mails.", no_args_is_help=True)
webhooks_app = typer.Typer(
    help="Those who are told what happens: how they stand, and telling them.", no_args_is_help=True
)
database_app = typer.Typer(help="Look after the database.", no_args_is_help=True)


def _print_version(asked: bool) -> None:
    if asked:
        print(f"aftercart {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version, and stop.")
    ] = False,
) -> None:
    """What holds for every command."""


START, RUN, LEARN, MEASURE = "Start", "Run", "Learn from orders", "What would it do, what did it earn"
LOOK, AMEND = "Look", "Set right"
PEOPLE = "What people may ask for"

app.command("demo", rich_help_panel=START)(demo.demo)
app.command("init", rich_help_panel=START)(check.init)
app.command("check", rich_help_panel=START)(check.check)
app.command("preview", rich_help_panel=START)(preview.preview)
app.command("send-test", rich_help_panel=START)(preview.send_test)
app.command("up", rich_help_panel=RUN)(serve.up)
app.command("web", rich_help_panel=RUN)(serve.web)
app.command("feedback", rich_help_panel=RUN)(feedback.feedback)
app.add_typer(webhooks_app, name="webhooks", rich_help_panel=RUN)
app.add_typer(database_app, name="db", rich_help_panel=RUN)
app.add_typer(imports_app, name="import", rich_help_panel=LEARN)
app.command("train", rich_help_panel=LEARN)(recommend.train)
app.command("evaluate", rich_help_panel=LEARN)(evaluate.evaluate)
app.add_typer(models_app, name="models", rich_help_panel=LEARN)
app.command("recommend", rich_help_panel=LEARN)(recommend.recommend)
app.command("backtest", rich_help_panel=MEASURE)(backtest.backtest)
app.command("events", rich_help_panel=LOOK)(events.events)
app.command("sends", rich_help_panel=LOOK)(sends.sends)
app.command("senders", rich_help_panel=LOOK)(senders.senders)
app.command("coupons", rich_help_panel=LOOK)(coupons.coupons)
app.command("explain", rich_help_panel=LOOK)(explain.explain)
app.command("doctor", rich_help_panel=LOOK)(doctor.doctor)
app.command("export", rich_help_panel=LOOK)(export.export)
app.command("attribute", rich_help_panel=LOOK)(attribute.attribute)
app.command("bench", rich_help_panel=LOOK)(measure.bench)
app.command("report", rich_help_panel=MEASURE)(report.report)
app.command("plan", rich_help_panel=MEASURE)(plan.plan)
app.command("apply", rich_help_panel=MEASURE)(plan.apply)
app.add_typer(experiments_app, name="experiments", rich_help_panel=MEASURE)
app.command("retry", rich_help_panel=AMEND)(by_hand.retry)
app.command("settle", rich_help_panel=AMEND)(by_hand.settle)
app.command("resume", rich_help_panel=AMEND)(by_hand.resume)
app.command("pause", hidden=True)(by_hand.pause)

app.command("suppress", rich_help_panel=PEOPLE)(suppress.suppress)
app.command("unsuppress", rich_help_panel=PEOPLE)(suppress.unsuppress)
app.command("erase", rich_help_panel=PEOPLE)(rights.erase)

imports_app.command("products")(imports.import_products)
imports_app.command("orders")(imports.import_orders)
imports_app.command("customers")(imports.import_customers)
imports_app.command("suppressions")(imports.import_suppressions)
imports_app.command("consents")(imports.import_consents)
imports_app.command("coupons")(imports.import_coupons)
imports_app.command("rates")(imports.import_rates)
imports_app.command("personalize")(imports.import_personalize)
experiments_app.command("size")(experiments.size)
models_app.command("list")(models.list_models)
models_app.command("promote")(models.promote)
models_app.command("rollback")(models.rollback)
webhooks_app.command("list")(webhooks.list_webhooks)
webhooks_app.command("test")(webhooks.test)
webhooks_app.command("resend")(webhooks.resend)
webhooks_app.command("enable")(webhooks.enable)
webhooks_app.command("secret")(webhooks.secret)
database_app.command("upgrade")(database.upgrade)


def main() -> None:
    """The console script. A fault that we know becomes one line on stderr, never a traceback."""
    try:
        app()
    except AftercartError as err:
        print(f"aftercart: {err}", file=sys.stderr)
        sys.exit(1)
