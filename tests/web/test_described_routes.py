"""Everything that `/openapi.json` says of bare routes, asked in ways that nobody thought of: no answer that is not
described, and none that is a fault of ours."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from aftercart.clock import SteppedClock
from aftercart.ids import new_id
from aftercart.testing import engine, run_until
from aftercart.tracking.tokens import PATHS, Purpose
from aftercart.web.app import create_web
from aftercart.web.openapi import BARE
from aftercart.web.server import serving
from tests.cast import ADA, DAY, MONDAY, Shop, campaign, links_in, only_send, order, outbox

EXAMPLES = 12
"""For each route: a request takes a few milliseconds."""
ROUTES = [(method, path) for path, methods in BARE.items() for method in methods]
PICKS = (Purpose.LESS, Purpose.HAVE)
KEY = "key-of-the-pages-of-a-shop"

if TYPE_CHECKING:
    from schemathesis import Case
    from schemathesis.specs.openapi.schemas import OpenApiSchema


@dataclass(frozen=True)
class Site:
    """A served installation from which one mail has left. `tokens`: of that mail, by the path of their route."""

    url: str
    session: requests.Session
    tokens: Mapping[str, str]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    shop = Shop(folder / "shop").write(campaign(quiet="null"))
    with engine(folder, SteppedClock(MONDAY), api_keys=KEY, api_per_minute=10_000, **shop.files) as app:
        order(app, "1", ADA)
        run_until(app, MONDAY + 4 * DAY)
        send = only_send(app)
        who = (send["recipient_id"], send["id"])
        pages = (Purpose.UNSUBSCRIBE, Purpose.PREFERENCES, Purpose.VIEW, Purpose.WHY)
        tokens = {purpose: app.tokens.page(purpose, *who) for purpose in pages}
        tokens |= {purpose: app.tokens.pick(purpose, *who, 1) for purpose in PICKS}
        tokens[Purpose.CONFIRM] = app.tokens.confirm(send["recipient_id"], new_id())
        tokens[Purpose.LINK] = links_in(outbox(app).messages[0])[0]
        with serving(create_web(app)) as url, requests.Session() as session:
            yield Site(url, session, {f"{PATHS[purpose]}{{token}}": token for purpose, token in tokens.items()})


@pytest.fixture(scope="module")
def described() -> "OpenApiSchema":
    import schemathesis  # half a second, and every process of pytest reads this file

    bare = {"openapi": "3.1.0", "info": {"title": "bare", "version": "1"}, "paths": BARE}
    return schemathesis.openapi.from_dict(bare)


@pytest.mark.parametrize(("method", "path"), ROUTES, ids=str)
def test_no_request_is_answered_in_a_way_that_is_not_described(
    site: Site, described: "OpenApiSchema", method: str, path: str
) -> None:
    """A right token is among the wrong ones, whole or with something behind it."""
    statuses = {int(status) for status in BARE[path][method]["responses"]}

    @settings(max_examples=EXAMPLES)
    @given(case=described[path][method].as_strategy(), right=st.booleans(), end=st.sampled_from(["", "", "x", "%00"]))
    def ask(case: "Case[Any]", right: bool, end: str) -> None:
        if right and path in site.tokens:
            case.path_parameters["token"] = site.tokens[path] + end
        if right and path.startswith("/api/"):
            case.query["key"] = KEY
        answer = case.call(base_url=site.url, session=site.session, allow_redirects=False)
        assert answer.status_code in statuses, case.as_curl_command()
        assert answer.status_code < 500, case.as_curl_command()

    ask()


def test_every_page_of_a_recipient_is_described() -> None:
    assert {f"{path}{{token}}" for path in PATHS.values()} <= BARE.keys()
