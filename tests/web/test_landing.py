from tests.web.conftest import Site


def test_the_front_door_says_whose_mails_come_from_here(site: Site) -> None:
    page = site.client.get("/")
    assert page.status_code == 200
    assert site.app.brand.name in page.text
    assert f'href="{site.app.brand.url}"' in page.text


def test_the_front_door_tells_strangers_nothing_of_the_engine(site: Site) -> None:
    page = site.client.get("/")
    assert "server" not in page.headers
    assert "noindex" in page.headers["x-robots-tag"]
    assert "webhook" not in page.text.lower()
