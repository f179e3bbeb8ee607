"""What each page of the console shows: read from the database, and kept for a while."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from aftercart.bootstrap import App
from aftercart.exchange.rates import Rates
from aftercart.exchange.store import currencies, rates_into
from aftercart.policy.store import pauses
from aftercart.reports import weekly
from aftercart.reports.counting.kept import Basis
from aftercart.reports.earned.against_holdout import AgainstHoldout
from aftercart.reports.earned.report import Brief, brand_holdout, brief_on, campaigns_with_mails, report_on
from aftercart.web.admin import pages
from aftercart.web.admin.kept import Kept

T = TypeVar("T")


class _Overview(NamedTuple):
    reports: Sequence[Brief]
    everything: Sequence[AgainstHoldout]


class Console:
    """The pages, each of which takes a request and answers it."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._kept = Kept()

    def overview(self, request: Request) -> Response:
        """Every campaign with what it earned."""

        def read(connection: Connection, rates: Rates | None) -> _Overview:
            currency, now = self._currency(rates), self._now()
            names = sorted({*campaigns_with_mails(connection), *self._app.campaigns.by_name})
            reports = [brief_on(connection, name, currency, now, rates) for name in names]
            return _Overview(reports, brand_holdout(connection, currency, now, rates))

        return self._page("overview.html", request, read)

    def campaign(self, request: Request) -> Response:
        """What one earned, and how."""
        name = request.path_params["name"]

        def read(connection: Connection, rates: Rates | None) -> Any:
            if name not in {*campaigns_with_mails(connection), *self._app.campaigns.by_name}:
                raise HTTPException(404)
            return report_on(connection, name, self._currency(rates), self._now(), rates=rates)

        return self._page("campaign.html", request, read)

    def cohorts(self, request: Request) -> Response:
        """What people did in the weeks after their first mail, and after their first order."""

        def read(connection: Connection, rates: Rates | None) -> dict[Basis, list[weekly.Cohort]]:
            since = self._since(2 * weekly.LATELY)
            return {basis: weekly.cohorts(connection, basis, since, rates) for basis in Basis}

        return self._page("cohorts.html", request, read)

    def domains(self, request: Request) -> Response:
        """What became of mails, by their readers' domains."""
        return self._page("domains.html", request, lambda c, _: weekly.domains(c, self._since()))

    def recommendations(self, request: Request) -> Response:
        """How each part of the recommender does in mails, beside its test."""
        return self._page("recommendations.html", request, lambda c, _: weekly.parts(c, self._since()))

    def _page(self, name: str, request: Request, read: Callable[[Connection, Rates | None], T]) -> Response:
        chosen = request.query_params.get("in")
        asked = (self._app.brand.currency if chosen is None else chosen).upper()
        with self._app.db.read() as connection:
            rates = rates_into(connection, asked) if asked else None
            known, paused = currencies(connection), pauses(connection)
        if asked and rates is None and asked != self._app.brand.currency:
            raise HTTPException(404, f"there are no rates into {asked}")

        def make() -> tuple[T, datetime | None]:
            with self._app.db.read() as connection:
                return read(connection, rates), weekly.counted_at(connection)

        key = (request.url.path, rates.version if rates else "")
        (told, counted_at), as_of = self._kept.get(key, self._now(), make)
        idle = {name: one.status for name, one in self._app.campaigns.by_name.items() if one.status != "active"}
        shown = pages.Shown(as_of, counted_at, rates, known, request.url.path, chosen, paused, idle)
        return pages.page(name, self._app.brand, shown, told)

    def _currency(self, rates: Rates | None) -> str:
        return rates.into if rates else self._app.brand.currency

    def _since(self, back: timedelta = weekly.LATELY) -> date:
        return (self._now() - back).date()

    def _now(self) -> datetime:
        return self._app.clock().astimezone(UTC)
