"""What shows only in the whole mail: its size, its first words, faint letters, addresses that lead nowhere."""

import html
import re
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

from aftercart.errors import Place
from aftercart.rendering.authoring.lexer import behind
from aftercart.rendering.authoring.source import Source, Sources
from aftercart.rendering.checking.colors import COLOR, as_hex
from aftercart.rendering.checking.contrast import READABLE, Faint, faint_words
from aftercart.rendering.fault import TemplateFault
from aftercart.rendering.running.runtime import Rendered

CLIPPED_BYTES = 102_000
"""Gmail shows about this much of the HTML and hides the rest, the unsubscribe link with it."""
LARGE_BYTES = 90_000
LONGEST_SUBJECT = 120
LARGEST_SHEETS = 16_384
"""Gmail leaves out the style sheets that would make it more."""
TRACKED_LINK = f"https://mail.example.com/c/{'x' * 90}"
"""As long as the links are that a mail is sent with."""

_HREF = re.compile(r'<a [^>]*href="([^"]*)"')
_WRITTEN_COLOR = re.compile(rf"""(?:color|background)\s*(?::|=\s*["']?)\s*({COLOR})""", re.IGNORECASE)
_NOBODY = re.compile(r"(?:mailto|tel|sms):\s*", re.IGNORECASE)
_SHEET = re.compile(r"<style\b[^>]*>(.*?)</style", re.DOTALL | re.IGNORECASE)
_ADDRESS = re.compile(r'(?:href|src)="(https?://([^"/?#:]+)[^"]*)"', re.IGNORECASE)
_OF_ONE_NETWORK = re.compile(r"localhost|.*\.(?:localhost|local|lan|internal|test)", re.IGNORECASE)
_HOST = re.compile(r"https?://(?:[^/?#]+\.[^/?#.]+|localhost\b)", re.IGNORECASE)


def mail_faults(rendered: Rendered, sources: Sources, sample: Path) -> Iterator[TemplateFault]:
    """What is wrong with the mail that a sample makes. `sample`: the file that its values come from."""
    yield from _addresses(rendered, sources, sample)
    yield from _unreachable(rendered, sources)
    yield from _first_words(rendered, sources)
    if (size := sum(len(css.encode()) for css in _SHEET.findall(rendered.html))) > LARGEST_SHEETS:
        message = f"the style sheets have {size:,} bytes; Gmail leaves out those beyond {LARGEST_SHEETS:,}"
        yield TemplateFault(Place(sources.body.file), message, "write styles that are used, at their elements", True)
    for faint in faint_words(rendered.html):
        colors = f"{faint.color} on {faint.behind}"
        message = f"{faint.words!r} in {colors} is hard to read{faint.when} (contrast {faint.ratio:.1f})"
        fix = f"choose colors with a contrast of {READABLE} or more"
        place = _of_color(sources.body, faint) or Place(sources.body.file)
        yield TemplateFault(place, message, fix, warning=True)


def _of_text(body: Source, text: str) -> Place | None:
    """Where a body, or what it includes, has a text; None if it comes from the data."""
    for segment in body.segments:
        if text and (at := segment.text.find(text)) >= 0:
            return behind(segment.place, segment.text[:at])
    return None


def _of_color(body: Source, faint: Faint) -> Place | None:
    """Where the color of faint words is written, or else the one behind them: last before the words, or first of all.

    In whatever way: MJML writes out #ccc, and colors may have names. None: it comes from the data, or from MJML.
    """
    for color in (faint.color, faint.behind):
        written = [
            (index, found.start(1))
            for index, segment in enumerate(body.segments)
            for found in _WRITTEN_COLOR.finditer(segment.text)
            if color in (as_hex(found[1], faint.behind), as_hex(found[1]))
        ]
        words = [(index, at) for index, one in enumerate(body.segments) if (at := one.text.find(faint.words)) >= 0]
        if written:
            index, at = max((each for each in written if words and each < words[0]), default=written[0])
            return behind(body.segments[index].place, body.segments[index].text[:at])
    return None


def size_faults(mail: str, body: Path) -> Iterator[TemplateFault]:
    """Whether Gmail would cut the mail. `mail`: its HTML with as much in it as will ever be."""
    size = len(mail.encode())
    if size > CLIPPED_BYTES:
        message = f"the HTML has {size:,} bytes; Gmail hides what is beyond 102,000, the unsubscribe link with it"
        yield TemplateFault(Place(body), message, "show fewer products, or shorter texts")
    elif size > LARGE_BYTES:
        message = f"the HTML has {size:,} bytes with twelve products; beyond 102,000 Gmail would hide its end"
        yield TemplateFault(Place(body), message, "leave room for what will be added", warning=True)


def _addresses(rendered: Rendered, sources: Sources, sample: Path) -> Iterator[TemplateFault]:
    for url in dict.fromkeys(rendered.unsafe_urls):
        fix = "a mail carries https:// addresses without a user name in them"
        place = _of_text(sources.body, url) or where(sample, url)
        yield TemplateFault(place, f"{url!r} becomes #unsafe-url in the mail", fix)
    for found in dict.fromkeys(html.unescape(url) for url in _HREF.findall(rendered.html)):
        without_host = found.lower().startswith("http") and not _HOST.match(found)
        if found in ("#", "") or without_host or _NOBODY.fullmatch(found):
            message = f"the link to {found!r} leads nowhere"
            place = _of_text(sources.body, f'href="{found}"') or Place(sources.body.file)
            yield TemplateFault(place, message, "write the whole address", warning=True)


def _unreachable(rendered: Rendered, sources: Sources) -> Iterator[TemplateFault]:
    """Addresses of the author's own machine or network."""
    for url, host in dict.fromkeys(_ADDRESS.findall(rendered.html)):
        if _OF_ONE_NETWORK.fullmatch(host) or _is_private(host):
            place = _of_text(sources.body, url) or Place(sources.body.file)
            message = f"nobody else reaches {html.unescape(url)!r}"
            yield TemplateFault(place, message, "write the address that your customers use", warning=True)


def _is_private(host: str) -> bool:
    try:
        return ip_address(host).is_private
    except ValueError:
        return False


def _first_words(rendered: Rendered, sources: Sources) -> Iterator[TemplateFault]:
    body = Place(sources.body.file)
    if not rendered.preheader:
        message = "there is no <mj-preview>, so inboxes show the first words of the body beside the subject"
        yield TemplateFault(
            body, message, "write <mj-preview> in <mj-head>, a line that goes on from the subject", True
        )
    elif rendered.preheader == rendered.subject:
        message = "<mj-preview> says what the subject says, and stands beside it"
        yield TemplateFault(body, message, "go on from the subject", warning=True)


def subject_faults(subject: str, place: Place) -> Iterator[TemplateFault]:
    """What there is to say about a subject, wherever it was written."""
    if not subject:
        yield TemplateFault(place, "the subject is empty", "write a line that says what the mail is about")
    if len(subject) > LONGEST_SUBJECT:
        message = f"the subject of the sample has {len(subject)} characters"
        yield TemplateFault(place, message, f"stay below {LONGEST_SUBJECT}; inboxes show about 50")
    if _is_loud(subject):
        message = "the subject is all in capital letters, as those of spam are"
        yield TemplateFault(place, message, "write it as you would speak", warning=True)


def _is_loud(subject: str) -> bool:
    """Whether it is more than a name, and has no small letter."""
    words = [word for word in subject.split() if word.upper() != word.lower()]
    return len(words) > 1 and subject == subject.upper() and sum(map(len, words)) > 10


def where(file: Path, text: str) -> Place:
    """Where a text stands in a file, as far as that can be told."""
    before, found, _ = file.read_text(encoding="utf-8").partition(text) if text else ("", "", "")
    return behind(Place(file, 1, 1), before) if found else Place(file)
