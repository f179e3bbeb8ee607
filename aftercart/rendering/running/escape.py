"""The filters of the finished templates: one for each place in which a value can stand.

None of them trusts a value: not its type, not its characters, not that somebody escaped it before. An address that
no mail program should follow becomes `#unsafe-url` and is counted (`Links.unsafe`); a CSS value that is more than a
color, a number or a word becomes `inherit`.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import quote

from jinja2 import Undefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

UNSAFE_URL = "#unsafe-url"

# C0 and C1 controls but tab and line feeds, bidirectional overrides (they make "gpj.exe" read "exe.jpg"), surrogates
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_ANY_CONTROL = re.compile(f"{_CONTROL.pattern}|[\t\n\r]")
_WEB_ADDRESS = re.compile(r"https?://[^/?#@\\\s]+(?:[/?#][^\\]*)?", re.IGNORECASE)
_PLAIN_ADDRESS = re.compile(r"https?://[A-Za-z0-9.-]+(?::[0-9]+)?(?:[/?#][A-Za-z0-9/?#._~:@!$&'()*+,;=%-]*)?", re.ASCII)
"""As nearly all of them are; what it matches is a `_WEB_ADDRESS` with nothing in it to encode."""
_OTHER_ADDRESS = re.compile(r"(?:mailto|tel|sms):[^\\\s]+", re.IGNORECASE)
_EMBEDDED = re.compile(r"cid:[^\\\s]+", re.IGNORECASE)
_NOT_IN_URLS = re.compile(r"""[ "<>`]""")
_NOT_IN_CSS_URLS = re.compile(r"""['();]""")
_LONE_PERCENT = re.compile(r"%(?![0-9a-fA-F]{2})")
_CSS_VALUE = re.compile(r"[#\w.%,+\- ]+|(?:rgb|hsl)a?\([\d.,%/ ]+\)", re.ASCII)
_SHORT_HEX = re.compile("#[0-9a-fA-F]{3}")
_HOST_ALONE = re.compile(r"\s*https?://[^/?#]*", re.IGNORECASE)
_SPACE = re.compile(r"\s+")


@dataclass(slots=True)
class Links:
    """The links of one mail: `rewrite` gets every web address, except the `untouched` ones."""

    rewrite: Callable[[str], str]
    untouched: frozenset[str]
    """Compared without their fragment."""
    unsafe: list[str] = field(default_factory=list)
    _judged: dict[str, str] = field(default_factory=dict)
    _hrefs: dict[str, str] = field(default_factory=dict)

    def href(self, value: object) -> str:
        """As `clickable`, escaped for an attribute."""
        known = self._hrefs.get(value) if type(value) is str else None
        if known is not None:  # a product's page is linked from its picture, its title and its button
            return known
        found = self.clickable(value)
        written = _for_an_attribute(found)
        if type(value) is str and found != UNSAFE_URL:
            self._hrefs[value] = written
        return written

    def clickable(self, value: object) -> str:
        """The address for an href. A link of `context["links"]` acts for the recipient and is never rewritten."""
        known = self._judged.get(value) if type(value) is str else None
        if known is not None:  # the text part has the links of the HTML
            return known
        found = self._clickable(value)
        if type(value) is str and found != UNSAFE_URL:
            self._judged[value] = found
        return found

    def _clickable(self, value: object) -> str:
        if type(value) is str and _PLAIN_ADDRESS.fullmatch(value):
            return self._rewritten(value)
        value = url_start(value)
        url = _address(value)
        if _WEB_ADDRESS.fullmatch(url):
            return self._rewritten(url)
        return url if _OTHER_ADDRESS.fullmatch(url) else self._refused(value)

    def _rewritten(self, url: str) -> str:
        """What stands for it, which may be that whoever rewrites links found it to lead nowhere."""
        if url.partition("#")[0] in self.untouched:
            return url
        stands = self.rewrite(url)
        return stands if stands != UNSAFE_URL else self._refused(url)

    def picture(self, value: object) -> str:
        """The address for a src."""
        value = url_start(value)
        if url := _plain_address(value):
            return url
        url = _address(value)
        return url if _WEB_ADDRESS.fullmatch(url) or _EMBEDDED.fullmatch(url) else self._refused(value)

    def _refused(self, value: object) -> str:
        self.unsafe.append(str(value))
        return UNSAFE_URL


def _plain_address(value: object) -> str:
    """The value if it is an address with nothing in it to look at twice; else empty."""
    return value if type(value) is str and _PLAIN_ADDRESS.fullmatch(value) else ""


def _address(value: object) -> str:
    """The value as an address, with the characters encoded that no URL holds; empty if it hides control characters."""
    text = value.strip() if isinstance(value, str) else ""
    if not text.isprintable() and _ANY_CONTROL.search(text):
        return ""
    return _NOT_IN_URLS.sub(_percent, text)


def _for_an_attribute(text: str) -> str:
    """As `escape` writes it, which would also call it `Markup`: that takes as long again, and nobody asks for it."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace("'", "&#39;").replace('"', "&#34;")


def _percent(match: re.Match[str]) -> str:
    return f"%{ord(match[0]):02X}"


def plain(value: object) -> str:
    """A value as text without control characters. Raises TypeError for what a recipient should never read."""
    if type(value) is str and value.isprintable():  # nearly every value; no character that `_CONTROL` takes out is
        return value
    if isinstance(value, str):
        text = str(value)
    elif isinstance(value, Undefined):
        text = str(value)  # raises, naming what is missing
    elif isinstance(value, int | float) and not isinstance(value, bool):
        text = str(value)
    else:
        raise TypeError(f"cannot print {_shown(value)}; {_instead_of(value)}")
    return _CONTROL.sub("", text) if _CONTROL.search(text) else text


def readable(value: object) -> str:
    """What a filter may change or put beside other words: a text as it is, so that markup stays what it is. Raises
    TypeError as `plain` does: Python itself makes words of everything, and "Hi None" of a name that nobody knows.
    """
    return value if isinstance(value, str) else plain(value)


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "a whole group of values"
    return "a whole list" if isinstance(value, Iterable) else repr(value)


def _instead_of(value: object) -> str:
    """What to write instead of printing this."""
    if value is None:
        return 'write {{ value or "something else" }}, or choose with {% if %}'
    if isinstance(value, dict) and value.keys() == {"minor", "currency"}:
        return "a price is printed by |money: {{ pick.price|money }}"
    return "choose with {% if %}" if isinstance(value, bool) else "print one of its fields"


def one_line(text: str) -> str:
    """The text without line breaks and control characters, for a header."""
    if text.isprintable() and "  " not in text:  # so there is nothing of either, nor a space but the plain one
        return text.strip()
    return _SPACE.sub(" ", _CONTROL.sub("", text)).strip()


def text(value: object) -> Markup:
    """For text and for quoted attributes."""
    return _text(value) if type(value) is str else escape(plain(value))


@lru_cache(maxsize=4096)  # the brand's name, prices and titles stand in many mails, and in each more than once
def _text(value: str) -> Markup:
    return escape(plain(value))


def url_start(value: object) -> str:
    """The beginning of an address; what it begins with is judged once the address is whole."""
    return value if isinstance(value, str) else plain(value)


def url_path(value: object) -> str:
    """Inside the path of an address; what is percent-encoded already stays."""
    return quote(_LONE_PERCENT.sub("%25", plain(value)), safe="/:@!$*+,=~-._%")


def url_behind(value: object, before: str) -> str:
    """Behind a value that begins an address, and may hold no more than its host, which this one shall not change."""
    path = url_path(value)
    return f"/{path}" if path[:1] not in ("", "/") and _HOST_ALONE.fullmatch(before) else path


def url_query(value: object) -> str:
    """Inside the query or the fragment of an address: one value, whatever it holds."""
    return quote(plain(value), safe="")


def urlencode(value: object) -> str:
    """What authors write `|urlencode` for. Jinja's own fails at a lone surrogate, and the mail with it."""
    return quote(plain(value), safe="/")


def css(value: object) -> Markup:
    """A color, a number or a word in a style."""
    return _css_value(value if type(value) is str else plain(value))


@lru_cache(maxsize=4096)  # a brand's color stands in a mail a dozen times
def _css_value(value: str) -> Markup:
    found = plain(value).strip()
    if _SHORT_HEX.fullmatch(found):  # Outlook does not read #ccc; what authors write is written out when it is compiled
        found = "#" + "".join(digit * 2 for digit in found[1:])
    return Markup(found) if _CSS_VALUE.fullmatch(found) else Markup("inherit")


@pass_context
def link(context: Context, value: object) -> str:
    """The href of something that the recipient may click."""
    return _links(context).href(value)


@pass_context
def link_in_text(context: Context, value: object) -> str:
    return _links(context).clickable(value)


@pass_context
def url(context: Context, value: object) -> str:
    """Any other address: pictures, backgrounds."""
    return _for_an_attribute(_links(context).picture(value))


@pass_context
def css_url(context: Context, value: object) -> Markup:
    """A whole address inside `url(...)`, in a style attribute."""
    return escape(str(sheet_url(context, value)))


@pass_context
def sheet_url(context: Context, value: object) -> Markup:
    """The same in a style sheet, where an ampersand is one."""
    return Markup(_NOT_IN_CSS_URLS.sub(_percent, _links(context).picture(value)))


def _links(context: Context) -> Links:
    links = context.parent.get("_links")  # where `render` put it: a look-up through Jinja takes four times as long
    if not isinstance(links, Links):
        raise TypeError("a template is rendered by Template.render")
    return links


IN_HTML: dict[str, Callable[..., object]] = {
    "_text": text,
    "_url_start": url_start,
    "_url_path": url_path,
    "_url_query": url_query,
    "_url_behind": url_behind,
    "_url": url,
    "_link": link,
    "_css": css,
    "_css_url": css_url,
    "_sheet_url": sheet_url,
}
FINISHED = frozenset(IN_HTML) - {"_url_start"} | {"_plain"}
"""Those that leave nothing to escape."""
IN_TEXT: dict[str, Callable[..., object]] = {
    "_plain": plain,
    "_url_start": url_start,
    "_url_path": url_path,
    "_url_query": url_query,
    "_url_behind": url_behind,
    "_link": link_in_text,
    "link": link_in_text,
}
