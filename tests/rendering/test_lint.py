"""What an e-mail developer would say of a mail that compiles."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aftercart.rendering.authoring.source import template_names
from aftercart.rendering.checking.check import check_template
from aftercart.rendering.checking.contrast import contrast
from aftercart.rendering.checking.lacking import as_given_to
from aftercart.rendering.checking.mail_rules import size_faults
from aftercart.rendering.checking.samples import VARIANTS, variant
from aftercart.rendering.renderer import Renderer

GOOD = '<h1>Hello</h1><a href="{{ links.unsubscribe }}">Unsubscribe</a> {{ brand.postal_address }}'


def mail(content: str = "", *, preview: str = "More inside", column: str = "", style: str = "") -> str:
    head = f"<mj-preview>{preview}</mj-preview><mj-style>{style}</mj-style>" if preview else ""
    texts = f"<mj-text>{GOOD}{content}</mj-text>{column}"
    body = f"<mj-body><mj-section><mj-column>{texts}</mj-column></mj-section></mj-body>"
    return f"<mjml><mj-head>{head}</mj-head>{body}</mjml>"


Said = Callable[[str], list[str]]


@pytest.fixture
def said(write: Callable[..., Path], sample: dict[str, Any]) -> Said:
    """What is said of a body: severity, line and words."""

    def say(body: str) -> list[str]:
        root = write(body, files={"mail/sample.json": json.dumps(sample)})
        found = check_template(root, "mail")
        return [f"{'warning' if one.warning else 'error'} {one.place.line}: {one.message} — {one.fix}" for one in found]

    return say


def test_of_a_good_mail_nothing_is_said(said: Said) -> None:
    assert said(mail()) == []


@pytest.mark.parametrize(
    "content",
    [
        '<a name="top"></a><b id="x">x</b>',
        '<a href="https://example.com/" aria-label="Bells"><img src="https://example.com/1.png" alt="" width="9"></a>',
        '<div style="display: none; font-size: 1px">x</div>',
    ],
)
def test_of_what_only_looks_weak_nothing_is_said(content: str, said: Said) -> None:
    social = '<mj-social><mj-social-element name="x" alt="Us on X" href="https://example.com/" /></mj-social>'
    assert said(mail(content, column=social, style="/* b { font-size: 9px } */ b { font: bold 14px/9px serif }")) == []


@pytest.mark.parametrize(
    "content",
    [
        "<ul><li>one<li>two</ul><p>x<br><img src='https://example.com/1.png' alt='x' width='9'>",
        "{% if picks %}<div style='margin: 0'>x</div>{% else %}<div>x</div>{% endif %}",
        "{% for pick in picks %}<b>{{ pick.title }}</b>{% endfor %}",
        "<!--[if mso]><table><tr><td><![endif]-->x<!--[if mso]></td></tr></table><![endif]-->",
    ],
)
def test_of_html_that_ends_as_it_began_nothing_is_said(content: str, said: Said) -> None:
    assert said(mail(content)) == []


def test_one_raw_piece_may_begin_what_another_ends(said: Said) -> None:
    raw = "<mj-raw><div></mj-raw>{}<mj-raw></div></mj-raw>"
    assert said(mail(column=raw.format("<mj-text>x</mj-text>"))) == []


FAULTS = {
    "no alt": (mail(column='<mj-image src="https://example.com/1.png" />'), "has no words for those who do not see"),
    "linked": (
        mail('<a href="https://example.com"><img src="https://example.com/1.png" alt="" width="9"></a>'),
        "the link <a> has no words",
    ),
    "no width": (mail('<img src="https://example.com/1.png" alt="A bell">'), "<img> has no width"),
    "too wide": (
        mail(column='<mj-image alt="x" src="https://example.com/1.png" width="1900px" />'),
        "<mj-image> is 1900 px wide in a mail of 600 px",
    ),
    "no picture": (mail(column='<mj-image alt="x" src="" />'), "<mj-image> shows nothing: its src is empty"),
    "handler": (mail('<b onclick="x()">x</b>'), "onclick of <b> does nothing: no mail program runs scripts"),
    "open": (mail("<div><b>x</div>"), "<b> does not end where it should"),
    "open to the end": (mail("<div>x"), "<div> does not end where it should"),
    "crossing": (mail("<b>x <i>y</b></i>"), "<i> does not end where it should"),
    "ended twice": (mail("<b>x</b></b>"), "</b> ends nothing that is open"),
    "small": (mail('<b style="font-size: 9px">x</b>'), "letters of 9 px in <b> are hard to read"),
    "small mj": (mail(column='<mj-text font-size="10px">x</mj-text>'), "letters of 10 px in <mj-text>"),
    "small in a sheet": (mail(style="b { color: #222222; font-size: 11px }"), "letters of 11 px in <mj-style>"),
    "small in points": (mail('<b style="font: bold 8.5pt/1 serif">x</b>'), "letters of 8.5 pt in <b>"),
    "insecure in a sheet": (mail(style="b { background: URL('http://example.com/1.png') }"), "by http:// is left out"),
    "insecure style": (mail('<b style="background:url(http://example.com/1.png)">x</b>'), "by http:// is left out"),
    "insecure in capitals": (mail(column='<mj-image alt="x" src="HTTP://example.com/1.png" />'), "by http:// is left"),
    "insecure": (mail(column='<mj-image alt="x" src="http://example.com/1.png" />'), "by http:// is left out"),
    "heading": (mail("<h4>x</h4>"), "<h4> follows an h1"),
    "here": (mail('<a href="https://example.com/">Click here</a>'), "'Click here' does not say where"),
    "ici": (mail('<a href="https://example.com/"><b>ici</b> »</a>'), "'ici »' does not say where the link"),
    "here!": (mail('<a href="https://example.com/">Click&nbsp;here!</a>'), "does not say where"),
    "no words but a space": (mail('<a href="https://example.com/">&nbsp;</a>'), "the link <a> has no words"),
    "no words of a network": (
        mail(column='<mj-social><mj-social-element name="x" href="https://example.com/" /></mj-social>'),
        "the link <mj-social-element> has no words",
    ),
    "no words": (mail('<a href="https://example.com/"> </a>'), "the link <a> has no words"),
    "nowhere": (mail('<a href="#">Top</a>'), "the link to '#' leads nowhere"),
    "empty": (mail('<a href="">Top</a>'), "the link to '' leads nowhere"),
    "mail to nobody": (mail('<a href="mailto:">Write to us</a>'), "the link to 'mailto:' leads nowhere"),
    "call nobody": (mail('<a href="tel: ">Call us</a>'), "the link to 'tel: ' leads nowhere"),
    "language": (mail('<b lang="xx-nonsense">x</b>'), "lang='xx-nonsense' is no language"),
    "no language": (mail('<b lang="">x</b>'), "lang='' is no language"),
    "language of mjml": (mail().replace("<mjml>", '<mjml lang="english">'), "lang='english' is no language"),
    "large and faint": (mail('<b style="font-size:40px;color:#888888">x</b>'), "'x' in #888888 on #ffffff is hard"),
    "button": (mail(column="<mj-button>Buy</mj-button>"), "the link to '' leads nowhere"),
    "no host": (mail('<a href="https://exam/ple">Shop</a>'), "the link to 'https://exam/ple' leads nowhere"),
    "merge": (mail("Dear *|FNAME|*"), "*|FNAME|* belongs to another mail service"),
    "merge too": (mail("Dear %recipient.name%"), "%recipient.name% belongs to another mail service"),
    "merge in an address": (mail('<a href="https://example.com/?u=*|UNIQID|*">Shop</a>'), "*|UNIQID|* belongs to"),
    "no preview": (mail(preview=""), "there is no <mj-preview>"),
    "same preview": (mail(preview="Hello"), "says what the subject says"),
    "faint": (mail(column='<mj-text color="#aaaaaa">faint</mj-text>'), "'faint' in #aaaaaa on #ffffff is hard to read"),
    "faint word": (mail(column='<mj-text color="lightgray">faint</mj-text>'), "'faint' in #d3d3d3 on #ffffff is hard"),
    "faint rgb": (mail(column='<mj-text color="rgb(200, 200, 200)">x</mj-text>'), "'x' in #c8c8c8 on #ffffff is hard"),
    "faint style": (mail('<b style="color:#bbb">faint</b>'), "'faint' in #bbbbbb on #ffffff is hard to read"),
    "faint behind": (
        mail(column='<mj-text color="black" container-background-color="darkslategray">x</mj-text>'),
        "'x' in #000000 on #2f4f4f is hard to read",
    ),
    "faint hsl": (mail('<b style="color:hsl(0, 0%, 80%)">x</b>'), "'x' in #cccccc on #ffffff is hard"),
    "faint for it is thin": (mail('<b style="color:rgba(0,0,0,.3)">x</b>'), "'x' in #b2b2b2 on #ffffff is hard"),
    "faint in capitals": (mail('<b style="COLOR:#CCC">x</b>'), "'x' in #cccccc on #ffffff is hard to read"),
    "faint font": (mail('<font color="#cccccc">x</font>'), "'x' in #cccccc on #ffffff is hard to read"),
    "faint by a sheet": (
        mail('<b class="f">x</b>', style="p b.f, td > i { color: #ccc } .f { color: #ddd }"),
        "#dddddd",
    ),
    "faint in the dark": (
        mail(
            '<b class="f">x</b>',
            style="@media (prefers-color-scheme: dark) { body { background: #111111 !important } "
            "td > div, i { color: #fff !important } .f { color: #555 } }",
        ),
        "'x' in #555555 on #111111 is hard to read in the dark",
    ),
    "faint without a picture": (
        mail()
        .replace("<mj-section>", '<mj-section background-url="https://example.com/1.png">')
        .replace("<mj-text>", '<mj-text color="#ffffff">'),
        "on #ffffff is hard to read without the picture behind it",
    ),
    "faint button": (
        mail(
            column='<mj-button href="https://example.com/" background-color="#ffee00" color="#ffffff">Buy</mj-button>'
        ),
        "'Buy' in #ffffff on #ffee00",
    ),
    "style": (mail(style="b { position: absolute }"), "position does nothing for about"),
    "inline": (mail('<b style="display:flex;box-shadow: 0 0 1px">x</b>'), "box-shadow does nothing for about"),
    "style in capitals": (mail('<b style="POSITION: absolute">x</b>'), "position does nothing for about"),
    "hovered and not": (mail(style="b, b:hover { transition: 1s }"), "transition does nothing for about"),
    "frame": (mail('<iframe width="9"></iframe>'), "no mail program shows an <iframe>"),
    "alt of a file": (
        mail(column='<mj-image alt="hero_2.PNG" src="https://example.com/2.png" />'),
        "alt='hero_2.PNG' of <mj-image> is the name of a file",
    ),
    "svg": (mail(column='<mj-image alt="Us" src="https://example.com/l.svg?2" />'), "<mj-image> is an SVG, and Gmail"),
    "link by http": (mail('<a href="http://example.com/">Our shop</a>'), "browsers warn of a link by http://"),
    "localhost": (mail('<a href="https://localhost:3000/x">Our shop</a>'), "nobody else reaches 'https://localhost"),
    "own network": (
        mail(column='<mj-image alt="A bell" src="https://192.168.1.4:8000/1.png" />'),
        "nobody else reaches 'https://192.168.1.4:8000/1.png'",
    ),
    "learn more": (mail('<a href="https://example.com/">Learn more</a>'), "'Learn more' does not say where"),
    "AMPscript": (mail("Dear %%=v(@name)=%%"), "%%=v(@name)=%% belongs to another mail service"),
    "sheets": (
        mail(style="".join(f".c{n} {{ padding: 1px }}" for n in range(1000))),
        "bytes; Gmail leaves out those beyond 16,384",
    ),
    "element": (mail("<video></video>"), "<video> does nothing for about"),
}


@pytest.mark.parametrize(("body", "words"), FAULTS.values(), ids=FAULTS)
def test_a_weakness_is_told_with_its_line_and_its_cure(body: str, words: str, said: Said) -> None:
    (found,) = said(body)
    assert words in found
    assert found.startswith("warning")
    assert len(found.partition(" — ")[2]) > 10


@pytest.mark.parametrize(
    ("weak", "fine"),
    [
        ("color:#777777", "color:#767676"),  # 4.48 and 4.54 on white
        ("font-size:11.9px", "font-size:12px"),
        ("font-size:8.9pt", "font-size:9pt"),
    ],
)
def test_what_can_just_be_read_is_fine(weak: str, fine: str, said: Said) -> None:
    assert len(said(mail(f'<b style="{weak}">x</b>'))) == 1
    assert said(mail(f'<b style="{fine}">x</b>')) == []


@pytest.mark.parametrize(("size", "severity"), [(90_000, []), (90_001, [True]), (102_000, [True]), (102_001, [False])])
def test_a_mail_is_too_large_from_where_gmail_cuts_it(size: int, severity: list[bool], tmp_path: Path) -> None:
    assert [fault.warning for fault in size_faults("é" * (size // 2) + "x" * (size % 2), tmp_path)] == severity


def test_a_merge_tag_in_an_attribute_is_told_at_its_column(write: Callable[..., Path], sample: dict[str, Any]) -> None:
    body = mail('\n<b  title="Hi *|FNAME|*">x</b>')
    root = write(body, files={"mail/sample.json": json.dumps(sample)})
    (found,) = check_template(root, "mail")
    assert (found.place.line, found.place.column) == (2, 1 + '<b  title="Hi *|FNAME|*">'.index("*|"))


def test_a_link_that_leads_nowhere_is_told_at_its_line(said: Said) -> None:
    (found,) = said(mail('\n<a href="#">Top</a>', style="p { color: #23262b }"))
    assert found.startswith("warning 2: the link to '#'")


def test_a_product_without_an_address_is_a_fault_of_the_sample(
    write: Callable[..., Path], sample: dict[str, Any]
) -> None:
    sample["picks"][0]["url"] = ""
    link = '<a href="{{ picks[0].url }}">See the helmet</a>'
    root = write(mail(link), files={"mail/sample.json": json.dumps(sample)})
    (found,) = check_template(root, "mail")
    assert found.message == "'' becomes #unsafe-url in the mail"
    assert found.place.file.name == "sample.json"


@pytest.mark.parametrize(
    ("subject", "loud"),
    [
        ("SALE ENDS TODAY FOR ALL", True),
        ("🎁 {{ brand.name|upper }} HAS NEWS", True),
        ("IKEA", False),
        ("BMX: A NEW one", False),
        ("IKEA FAQ", False),
        ("طلبك في الطريق إليك", False),
        ("1001 + 1002", False),
    ],
)
def test_a_subject_in_capital_letters_is_told(
    subject: str, loud: bool, write: Callable[..., Path], sample: dict[str, Any]
) -> None:
    root = write(mail(), subject=subject, files={"mail/sample.json": json.dumps(sample)})
    assert [fault.message.partition(",")[0] for fault in check_template(root, "mail")] == (
        ["the subject is all in capital letters"] if loud else []
    )


def test_a_subject_with_the_tag_of_another_mail_service_is_told(
    write: Callable[..., Path], sample: dict[str, Any]
) -> None:
    root = write(mail(), subject="A bell\nfor *|FNAME|*", files={"mail/sample.json": json.dumps(sample)})
    found = [fault for fault in check_template(root, "mail") if "belongs to another mail service" in fault.message]
    assert [(fault.place.file.name, fault.place.line, fault.place.column) for fault in found] == [("subject.txt", 2, 5)]


def test_every_tag_of_other_mail_services_is_told_at_its_place(said: Said) -> None:
    services = ["*|FNAME|*", "%%first_name%%", "[[FirstName]]", "{$name}", "%FIRSTNAME%", "[firstname,fallback=there]"]
    found = said(mail("\n".join(f"Hi {tag}" for tag in services)))
    assert [line.partition(" belongs")[0].split()[-1] for line in found] == [tag.split()[-1] for tag in services]
    assert said(mail("50% off, 20%OFF, [1] and [see, below], {x}, 100%WOOL")) == []


def test_a_marketing_mail_without_a_postal_address_is_an_error(said: Said) -> None:
    found = said(mail().replace("{{ brand.postal_address }}", ""))
    assert [line.partition(":")[0] for line in found] == ["error None", "error None"]
    assert "the HTML has no postal address" in found[0]
    assert "the text part has no postal address" in found[1]


@pytest.mark.parametrize(
    "body",
    [
        mail(style="@media (max-width: 479px) { b { position: absolute; transition: 1s } }"),
        mail('<a href="https://example.com/"><img src="https://example.com/1.png" alt="The bell" width="9"></a>'),
        mail('<img src="https://example.com/1.png" alt="" width="9">'),
        mail('<i style="font-size:0px">x</i>'),
        mail("<h2>x</h2><h3>y</h3><h2>z</h2>"),
        mail(style="a { color: #222222 } a:hover { transition: 1s; color: #cccccc }"),
        mail('<p style="background:#000;color:rgba(255, 255, 255, .8)">x</p>'),
        mail('<p style="color:var(--ink)">x</p><p style="color:#ccc;background:var(--ground)">x</p>'),
        mail('<b style="color:#ccc" class="f">x</b>', style=".f { color: #333333 !important } a:hover { color: #ccc }"),
        mail('<b class="f">x</b>', style="@media (max-width: 480px) { .f { color: #ccc } } i .f { color: #ccc }"),
        mail('<b class="f">x</b>', style=".f { display: none; color: #ccc }"),
        mail('<p style="background:#222222 url(https://example.com/1.png);color:#ffffff">x</p>'),
        mail('<b lang="fr">x</b><b lang="zh-Hant-TW">x</b><b lang="{{ recipient.locale }}">x</b>'),
        mail('<a href="mailto:?subject=Bells">Tell a friend</a> <a href="tel:+4930123">Call us</a>'),
    ],
)
def test_what_is_meant_so_is_no_fault(body: str, said: Said) -> None:
    assert said(body) == []


def test_gmail_s_limit_is_measured_with_many_products_and_long_links(said: Said) -> None:
    cards = (
        "{% for pick in picks %}<p>{{ pick.title }} <a href='{{ pick.url }}'>See it</a>"
        + "x" * 6_900
        + "</p>{% endfor %}"
    )
    (found,) = said(mail(cards))
    assert found.startswith("warning")
    assert "with twelve products" in found


def test_contrast_is_that_of_the_standard() -> None:
    """The two ends, and the example of WCAG's documents: #777 on white just fails."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("name", VARIANTS)
def test_every_shipped_mail_is_good_with_every_variant_of_its_sample(
    name: str, shipped: Path, sample: dict[str, Any], tmp_path: Path
) -> None:
    renderer = Renderer(shipped, tmp_path)
    for template in template_names(shipped):
        found = renderer.template(template, "en").render(as_given_to(template, variant(sample, name)), str)
        assert found.subject
        assert len(found.html.encode()) < 90_000
