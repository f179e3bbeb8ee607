"""What an address does not take is refused with all that it takes."""

import pytest

from tests.web.conftest import Site

BOTH = "GET, HEAD, POST"


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        *((f"/{kind}/abc", BOTH) for kind in "uphly"),
        *((f"/{kind}/abc", "GET, HEAD") for kind in "cvw"),
        ("/webhooks/generic", "POST"),
        ("/readyz", "GET"),
    ],
)
def test_a_refusal_names_every_method_of_the_address(site: Site, path: str, allowed: str) -> None:
    """RFC 9110 §10.2.1: a reader's program that asked with PUT learns that it may POST."""
    answer = site.client.request("DELETE", path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert answer.json() == {"detail": "Method Not Allowed"}
