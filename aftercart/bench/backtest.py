"""A backtest: four weeks of a bike shop, lived through again.

The floor is the same orders, copied, trained on and taken in by the same engine, without a campaign to enter.
"""

from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType

from aftercart.backtest.run import Wanted
from aftercart.backtest.run import backtest as run
from aftercart.bench.timing import Result, beside
from aftercart.bootstrap import build
from aftercart.campaigns.loader import Campaigns, load_on_trial
from aftercart.clock import utc_now
from aftercart.demo import bike_shop
from aftercart.demo.shop import write_orders, write_products
from aftercart.pipeline.incoming.load import load_orders, load_products
from aftercart.testing import settings_for

WEEKS = timedelta(days=28)
PEOPLE = 1_500
TRAINING_BUDGET_S = 3.0


def backtest(rounds: int, folder: Path, people: int = PEOPLE) -> Result:
    """Orders that were copied, taken in, enrolled, decided, recommended for, rendered and handed to nobody."""
    shop = bike_shop.generate(people=people)
    write_products(shop, folder / "products.csv", lambda picture: f"https://shop.example/{picture}")
    write_orders(shop.orders, folder / "orders.csv")
    end = shop.orders[-1].placed_at
    wanted = Wanted(end - WEEKS, end, train_budget_s=TRAINING_BUDGET_S, suppose_consent=True)
    count = sum(wanted.start <= order.placed_at < end for order in shop.orders)
    settings = settings_for(folder / "data")
    trial = load_on_trial(settings.campaigns_dir, settings.campaigns_dir, settings.templates_dir)
    with closing(build(settings)) as app:
        load_products(app.db, folder / "products.csv", utc_now())
        load_orders(app.db, folder / "orders.csv", utc_now(), app.address_hashes)
        nothing = Campaigns(trial.brand, MappingProxyType({}))
        mails = sum(report.mails for report in run(settings, app.db, [trial], wanted))
        result = beside(
            "backtest",
            "orders",
            lambda: run(settings, app.db, [trial], wanted),
            "taken in alone",
            lambda: run(settings, app.db, [nothing], wanted),
            count=count,
            rounds=rounds,
        )
    return replace(result, note=f"{mails:,} mails; a training of {TRAINING_BUDGET_S:g} s in both")
