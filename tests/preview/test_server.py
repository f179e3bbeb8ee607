"""The preview: what it shows of a mail, and whom it answers."""

import asyncio
import re
import shutil
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from aftercart.errors import ConfigError
from aftercart.preview.schemes import in_scheme
from aftercart.preview.server import Preview
from aftercart.preview.shelf import Shelf, Wanted
from aftercart.preview.shop import ShopFiles, ShopNow
from aftercart.rendering.checking.samples import VARIANTS
from aftercart.starter import init
from tests.rendering.conftest import SHIPPED

HERE = "http://127.0.0.1:8025"


class Browser:
    """Asks the preview, without a socket."""

    def __init__(self, site: Starlette) -> None:
        self._site = site

    def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        return self._ask("GET", path, headers)

    def post(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        return self._ask("POST", path, headers)

    def _ask(self, method: str, path: str, headers: dict[str, str] | None) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self._site)
            async with httpx.AsyncClient(transport=transport, base_url=HERE, follow_redirects=True) as client:
                return await client.request(method, path, headers=headers)

        return asyncio.run(ask())


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    """The word of thanks and what it shares with the others."""
    for name in ("_layout", "_words", "thanks"):
        shutil.copytree(SHIPPED / name, tmp_path / "templates" / name)
    return tmp_path / "templates"


@pytest.fixture
def sent() -> list[Wanted]:
    return []


@pytest.fixture
def browser(templates: Path, tmp_path: Path, sent: list[Wanted]) -> Browser:
    def send(wanted: Wanted) -> str:
        sent.append(wanted)
        return "Sent to ada@example.com"

    brand = {
        "name": "Example & Bikes",
        "url": "https://www.example.com",
        "logo_url": None,
        "color": "#1f4b99",
        "font": "Georgia, serif",
        "postal_address": "1 Main Street, 75001 Paris",
        "email": "hello@example.com",
    }
    shelf = Shelf(templates, tmp_path / "cache", lambda: ShopNow(brand))
    return Browser(Preview(shelf, lambda _: "List-Id: <thanks.example.com>", send).app)


def test_a_mail_is_shown_with_all_that_is_known_of_it(browser: Browser) -> None:
    page = browser.get("/").text
    assert page.count('src="/thanks/mail.html?') == 2
    for shown in (
        "Thank you for your order",
        "1 × Road-550 Yellow, 38",
        "List-Id: &lt;thanks",
        "bytes that Gmail shows",
    ):
        assert shown in page
    assert 'href="/source/thanks/words/fr.txt"' in page


def test_a_subject_is_read_from_its_own_side_on_a_page_in_english(browser: Browser) -> None:
    page = browser.get("/thanks?locale=ar").text
    assert '<span dir="auto">شكرًا لطلبك</span> <small dir="auto">كلمة شكر' in page


def test_the_mail_is_the_shop_s_in_the_reader_s_language(browser: Browser) -> None:
    answer = browser.get("/thanks/mail.html?sample=smallest&locale=fr")
    assert "Toute l’équipe de Example &amp; Bikes" in answer.text
    assert "sandbox" in answer.headers["content-security-policy"]


def test_each_scheme_shows_the_styles_that_hold_in_it(browser: Browser) -> None:
    light, dark, forced = (browser.get(f"/thanks/mail.html?scheme={each}").text for each in ("light", "dark", "forced"))
    assert "@media (max-width: 0)" in light
    assert "@media (min-width: 0)" in dark
    assert "invert(1)" in forced
    assert "prefers-color-scheme" not in light + dark + forced
    assert ":root{color-scheme:dark !important}" in dark, "the ground of a mail that draws none is dark as well"
    assert light.count(":root{color-scheme:only light !important}") == forced.count("only light") == 1
    assert "only light" in in_scheme("<head></head>", "dark"), "this one says nothing of the dark"


def test_a_saved_file_shows_at_once(browser: Browser, templates: Path) -> None:
    before = browser.get("/stamp").json()
    words = templates / "thanks" / "words" / "en.txt"
    words.write_text(words.read_text(encoding="utf-8").replace("headline = Thank you", "headline = Cheers!"), "utf-8")
    assert browser.get("/stamp").json() != before
    assert "Cheers!" in browser.get("/thanks/mail.html").text


def test_a_saved_brand_file_shows_at_once_and_one_that_is_half_written_changes_nothing(tmp_path: Path) -> None:
    init(tmp_path / "shop")
    campaigns, shown = tmp_path / "shop" / "campaigns", tmp_path / "shop" / "templates"
    files = ShopFiles(campaigns, shown)
    browser = Browser(Preview(Shelf(shown, tmp_path / "cache", files.now, None, campaigns), lambda _: "").app)
    assert "Example Bikes" in browser.get("/thanks/mail.html").text
    before = browser.get("/stamp").json()
    brand = campaigns / "brand.yaml"
    renamed = brand.read_text(encoding="utf-8").replace("Example Bikes", "Corner ShopNow")
    brand.write_text(renamed, encoding="utf-8")
    assert browser.get("/stamp").json() != before
    assert "Corner ShopNow" in browser.get("/thanks/mail.html").text
    assert files.sender().sender.startswith("Corner ShopNow <")
    brand.write_text(f"{renamed}\nlocale: [", encoding="utf-8")
    assert "Corner ShopNow" in browser.get("/thanks/mail.html").text


def test_without_a_brand_file_there_is_no_preview(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no brand file that can be read"):
        ShopFiles(tmp_path, SHIPPED)


@pytest.mark.parametrize(
    "sample", ['{"brand": {}}', '{"recipient": 5}', '{"order": []}', '{"recipient": {"locale": 7}}']
)
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_sample_of_another_shape_is_told_on_the_page(
    sample: str, variant: str, browser: Browser, templates: Path
) -> None:
    (templates / "thanks" / "sample.json").write_text(sample, encoding="utf-8")
    answer = browser.get(f"/thanks?sample={variant}")
    assert answer.status_code == 200
    assert "What check says" in answer.text
    assert 'role="alert"' in answer.text


def test_a_file_that_is_no_text_is_shown_as_far_as_it_is(browser: Browser, templates: Path) -> None:
    (templates / "thanks" / "subject.txt").write_bytes(b"Thanks \xff")
    assert "Thanks \ufffd" in browser.get("/source/thanks/subject.txt").text
    assert "is not UTF-8 text from here on" in browser.get("/thanks").text


def test_a_fault_leads_to_its_line(browser: Browser, templates: Path) -> None:
    body = templates / "thanks" / "body.mjml"
    body.write_text(body.read_text(encoding="utf-8").replace("words.headline", "words.hedline"), encoding="utf-8")
    opening = templates / "_layout" / "opening.mjml"
    opening.write_text(opening.read_text(encoding="utf-8").replace("words.headline", "words.hedline"), encoding="utf-8")
    page = browser.get("/thanks").text
    (link,) = set(re.findall(r'href="(/source/_layout/opening\.mjml#L\d+)"', page))
    assert "has no phrase hedline" in page
    line = link.partition("#")[2]
    assert re.search(f'id="{line}"><code>[^\n]*words.hedline', browser.get(link).text)
    assert browser.get("/thanks/mail.html").status_code == 422


@pytest.mark.parametrize(
    "path", ["/other", "/thanks?sample=none", "/source/../../etc/passwd", "/source/none", "/preview.py"]
)
def test_what_there_is_not_is_not_found(path: str, browser: Browser) -> None:
    assert browser.get(path).status_code == 404


def test_a_template_that_is_away_for_a_moment_comes_back_by_itself(browser: Browser, templates: Path) -> None:
    """As while an editor saves it."""
    body = templates / "thanks" / "body.mjml"
    body.rename(templates / "kept")
    for path in ("/thanks", "/"):
        page = browser.get(path)
        assert page.status_code == 404
        assert "There is no template" in page.text
        assert '<script src="/preview.js" defer>' in page.text
        assert f'data-stamp="{browser.get("/stamp").json()["stamp"]}"' in page.text
    (templates / "kept").rename(body)
    assert f'data-stamp="{browser.get("/stamp").json()["stamp"]}"' not in page.text


def test_what_is_saved_while_a_page_is_made_is_shown_by_the_next(templates: Path, tmp_path: Path) -> None:
    subject = templates / "thanks" / "subject.txt"

    def headers(_: Wanted) -> str:
        subject.write_text("Saved meanwhile", encoding="utf-8")
        return ""

    browser = Browser(Preview(Shelf(templates, tmp_path / "cache"), headers).app)
    page = browser.get("/thanks").text
    assert f'data-stamp="{browser.get("/stamp").json()["stamp"]}"' not in page


@pytest.mark.parametrize("path", ["/", "/stamp", "/thanks", "/thanks/mail.html", "/source/thanks/body.mjml"])
def test_a_page_of_another_name_is_not_answered(path: str, browser: Browser) -> None:
    """DNS rebinding: another host's name that leads to this machine."""
    assert browser.get(path, headers={"host": "evil.example.com"}).status_code == 403


def test_a_test_is_sent_from_the_page_alone(browser: Browser, sent: list[Wanted]) -> None:
    path = "/thanks/test?sample=largest&locale=de"
    assert browser.post(path, headers={"origin": "https://evil.example.com"}).status_code == 403
    assert browser.post(path).status_code == 403
    assert browser.get(path).status_code == 405
    assert sent == []
    assert "Sent to ada@example.com" in browser.post(path, headers={"origin": HERE}).text
    assert sent == [Wanted("thanks", "largest", "de")]


def test_what_keeps_a_test_from_being_sent_is_said(templates: Path, tmp_path: Path) -> None:
    def fail(_: Wanted) -> str:
        raise ConfigError("the server did not take it")

    app = Preview(Shelf(templates, tmp_path / "cache"), lambda _: "", fail).app
    answer = Browser(app).post("/thanks/test", headers={"origin": HERE})
    assert "the server did not take it" in answer.text


def test_without_an_address_nothing_can_be_sent(templates: Path, tmp_path: Path) -> None:
    browser = Browser(Preview(Shelf(templates, tmp_path / "cache"), lambda _: "").app)
    assert "disabled" in browser.get("/thanks").text
    assert browser.post("/thanks/test", headers={"origin": HERE}).status_code == 409
