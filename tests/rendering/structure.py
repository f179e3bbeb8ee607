"""What a mail program would make of HTML: its elements, where its addresses lead, which styles it sets."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

_CSS_PROPERTY = re.compile(r"(?:^|[;{])\s*([a-zA-Z-]+)\s*:")


@dataclass
class Structure(HTMLParser):
    """Reads HTML (conditional comments too) into a list of everything but texts and harmless attribute values."""

    seen: list[str] = field(default_factory=list)
    in_style: bool = False

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.in_style = tag == "style"
        self.seen.append(f"<{tag} {' '.join(name for name, _ in attrs)}>")
        for name, value in attrs:
            if name in ("href", "src", "background", "o:href"):
                self.seen.append(f"{name}: {_scheme(value or '')}")
            if name == "style":
                self.seen.append(f"style: {_CSS_PROPERTY.findall(value or '')}")

    def handle_endtag(self, tag: str) -> None:
        self.in_style = False
        self.seen.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if self.in_style:
            self.seen.append(f"css: {_CSS_PROPERTY.findall(data)} {data.count('{')} {data.count('@')}")

    def handle_comment(self, data: str) -> None:
        inner = re.fullmatch(r"\[if[^\]]*\]>(.*)<!\[endif\]", data, re.DOTALL)
        self.seen.append("conditional" if inner else f"comment {data}")
        if inner:
            self.seen.extend(structure(inner[1]))


def structure(html: str) -> list[str]:
    reader = Structure()
    reader.feed(html)
    reader.close()
    return reader.seen


def _scheme(url: str) -> str:
    """As a browser reads it: control characters in front and tabs anywhere are dropped."""
    cleaned = re.sub(r"[\t\r\n]", "", url).lstrip("".join(map(chr, range(0x21))))
    found = re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:|#", cleaned)
    return found[0].lower() if found else "relative"
