"""Who asks for what is not there is told so in a form that they can read."""

import pytest

from tests.web.conftest import Site

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.mark.parametrize("path", ["/x", "/u/a/b", "/favicon.png", "/admin"])
def test_a_browser_gets_a_page_and_a_program_a_line(site: Site, path: str) -> None:
    page = site.client.get(path, headers=BROWSER)
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "This link does not work" in page.text
    assert site.app.brand.name in page.text
    for accept in ("application/json", "*/*"):
        line = site.client.get(path, headers={"Accept": accept})
        assert (line.status_code, line.json()) == (404, {"detail": "Not Found"})


def test_a_link_that_was_cut_off_is_a_page_over_the_wire_too(site: Site) -> None:
    for path in ("/u/", "/c/", "/u"):
        answer = site.client.get(path)
        assert (answer.status_code, "This link does not work" in answer.text) == (404, True)


def test_there_is_an_icon_in_the_brands_dress(site: Site) -> None:
    icon = site.client.get("/favicon.ico")
    assert (icon.status_code, icon.headers["content-type"]) == (200, "image/svg+xml")
    assert site.app.brand.color in icon.text
    assert f">{site.app.brand.name[0]}</text>" in icon.text
