"""One compile per change, for all threads and processes."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from aftercart.errors import TemplateError
from aftercart.rendering.compiling import compiler, engine
from aftercart.rendering.renderer import Renderer
from tests.rendering.mjml import in_text


def test_64_threads_never_see_each_other_s_data(shipped: Path, sample: dict[str, Any], tmp_path: Path) -> None:
    """T37: the first mail carried the developer's name, because data was kept between renders."""
    renderer = Renderer(shipped, tmp_path)

    def tracked(name: str, url: str) -> str:
        return f"{url}#{name}"

    def a_thousand(thread: int) -> None:
        for number in range(1_000):
            name = f"canary{thread:02}{number:03}bird"
            recipient = {**sample["recipient"], "first_name": name}
            links = {**sample["links"], "unsubscribe": f"https://mail.example.com/u/{name}"}
            context = {**sample, "recipient": recipient, "links": links}
            mail = renderer.template("accessories", "en_IE").render(context, partial(tracked, name))
            for part in (mail.html, mail.text):
                assert part.count("canary") == part.count(name) > 10
            assert "canary" not in mail.subject.replace(name, "") + mail.preheader.replace(name, "")

    with ThreadPoolExecutor(64) as pool:
        list(pool.map(a_thousand, range(64)))


def every_second() -> Callable[[], float]:
    """A clock by which a second passes between any two looks at it."""
    return map(float, count()).__next__


def test_a_changed_file_is_compiled_again(write: Callable[..., Path], tmp_path: Path) -> None:
    renderer = Renderer(write(in_text("one")), tmp_path / "cache", monotonic=every_second())
    before = renderer.template("mail", "en")
    write(in_text("other"))
    after = renderer.template("mail", "en")
    assert "other" in after.render({}, str).html
    assert before.version != after.version
    assert len(after.version) == 12


def test_files_are_looked_at_again_after_a_second(write: Callable[..., Path], tmp_path: Path) -> None:
    now = [0.0]
    renderer = Renderer(write(in_text("one")), tmp_path / "cache", monotonic=lambda: now[0])
    before = renderer.template("mail", "en")
    write(in_text("two!"))
    now[0] = 0.9
    assert renderer.template("mail", "en") is before
    now[0] = 1.1
    assert "two!" in renderer.template("mail", "en").render({}, str).html


def test_a_change_to_an_included_file_counts(write: Callable[..., Path], tmp_path: Path) -> None:
    body = in_text('{% include "_layout/x.mjml" %}')
    renderer = Renderer(write(body, files={"_layout/x.mjml": "one"}), tmp_path / "cache", monotonic=every_second())
    before = renderer.template("mail", "en").version
    write(body, files={"_layout/x.mjml": "other"})
    assert renderer.template("mail", "en").version != before


def test_a_file_that_is_added_counts(write: Callable[..., Path], tmp_path: Path) -> None:
    """A language, or a text part: whoever asked before it was there is not kept with what there was."""
    root = write(in_text("{{ words.hi }}"), files={"mail/words/en.txt": "hi = Hello"})
    renderer = Renderer(root, tmp_path / "cache", monotonic=every_second())
    assert "Hello" in renderer.template("mail", "fr").render({}, str).text
    (root / "mail" / "words" / "fr.txt").write_text("hi = Bonjour", encoding="utf-8")
    assert "Bonjour" in renderer.template("mail", "fr").render({}, str).text
    (root / "mail" / "body.txt").write_text("Salut", encoding="utf-8")
    assert renderer.template("mail", "fr").render({}, str).text.strip() == "Salut"


def test_the_version_follows_contents_and_not_times_or_folders(write: Callable[..., Path], tmp_path: Path) -> None:
    root = write(in_text("one"))
    first = Renderer(root, tmp_path / "a").template("mail", "en").version
    os.utime(root / "mail" / "body.mjml", (1, 1))
    elsewhere = root.rename(tmp_path / "elsewhere")
    assert Renderer(elsewhere, tmp_path / "b").template("mail", "en").version == first


@pytest.fixture
def upgraded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Installs another version of MJML, or of Aftercart with another line in its compiler."""

    def upgrade(what: str) -> None:
        if what == "MJML":
            monkeypatch.setattr(engine, "engine_version", lambda: "99.0")
        else:
            (tmp_path / "rendering" / "compiling").mkdir(parents=True)
            (tmp_path / "rendering" / "compiling" / "compiler.py").write_text("# another line", encoding="utf-8")
            monkeypatch.setattr(compiler, "__file__", str(tmp_path / "rendering" / "compiling" / "compiler.py"))
        compiler.compiler_fingerprint.cache_clear()

    yield upgrade
    monkeypatch.undo()
    compiler.compiler_fingerprint.cache_clear()


@pytest.mark.parametrize("what", ["MJML", "Aftercart"])
def test_nothing_that_another_version_compiled_is_sent(
    what: str, upgraded: Callable[[str], None], write: Callable[..., Path], tmp_path: Path
) -> None:
    root, cache = write(in_text("one")), tmp_path / "cache"
    before = Renderer(root, cache).template("mail", "en").version
    upgraded(what)
    for file in cache.rglob("*.json"):
        file.write_text(file.read_text(encoding="utf-8").replace("one", "of old"), encoding="utf-8")
    after = Renderer(root, cache).template("mail", "en")
    assert "of old" not in after.render({}, str).html
    assert after.version != before


def test_a_damaged_cache_file_is_made_anew(write: Callable[..., Path], tmp_path: Path) -> None:
    root, cache = write(in_text("one")), tmp_path / "cache"
    Renderer(root, cache).template("mail", "en")
    (file,) = cache.rglob("*.json")
    whole = file.read_bytes()
    file.write_bytes(whole[:100])
    assert "one" in Renderer(root, cache).template("mail", "en").render({}, str).html
    assert file.read_bytes() == whole


def test_a_cache_that_cannot_be_written_holds_up_no_mail(write: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "cache").touch()
    with capture_logs() as logs:
        mail = Renderer(write(in_text("one")), tmp_path / "cache").template("mail", "en").render({}, str)
    assert mail.text == "one\n"
    assert [(line["event"], line["template"]) for line in logs] == [("template_not_kept", "mail")]


@pytest.mark.parametrize(
    ("asked", "locale"),
    [("fr-FR", "fr_FR"), ("fr_FR", "fr_FR"), ("fr-XX", "fr"), ("xx", "en_US"), ("", "en_US"), ("../..", "en_US")],
)
def test_any_locale_of_a_customer_has_an_answer(
    asked: str, locale: str, write: Callable[..., Path], tmp_path: Path
) -> None:
    assert Renderer(write(in_text("one")), tmp_path / "cache").template("mail", asked).locale == locale


@pytest.mark.parametrize(
    ("locale", "gets"), [("fr_CA", "fr_CA"), ("en-GB", "en-GB"), ("pt_BR", "fr_FR"), ("xx", "fr_FR"), ("", "fr_FR")]
)
def test_whose_language_a_template_has_not_or_nobody_knows_gets_that_of_the_brand(
    locale: str, gets: str, shipped: Path, tmp_path: Path
) -> None:
    assert Renderer(shipped, tmp_path).locale_for("thanks", locale, "fr_FR") == gets


@pytest.mark.parametrize("name", ["mial", "../mail", "", "_layout"])
def test_an_unknown_template_is_named(name: str, write: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match="there is no template"):
        Renderer(write(in_text("one")), tmp_path / "cache").template(name, "en")


def test_a_near_miss_is_suggested(write: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match="did you mean 'mail'"):
        Renderer(write(in_text("one")), tmp_path / "cache").template("mial", "en")


def test_a_subject_line_of_a_campaign_stands_in_place_of_the_template_s(
    shipped: Path, sample: dict[str, Any], tmp_path: Path
) -> None:
    renderer = Renderer(shipped, tmp_path)
    own = renderer.template("accessories", "en_IE")
    other = renderer.template("accessories", "en_IE", "For {{ recipient.first_name }} & friends")
    assert other.render(sample, str).subject == f"For {sample['recipient']['first_name']} & friends"
    assert f"For {sample['recipient']['first_name']} &amp; friends" in other.render(sample, str).html
    assert own.render(sample, str).text == other.render(sample, str).text
    assert own.version != other.version
    assert renderer.template("accessories", "en_IE").version == own.version
    with pytest.raises(TemplateError, match="subject"):
        renderer.template("accessories", "en_IE", "For {{ recipient.first_name")
