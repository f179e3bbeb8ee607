"""`topics` of the brand file: what the mails are about, in words that people choose from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Protocol, Self

from babel import Locale, UnknownLocaleError
from pydantic import Field, PlainSerializer, PlainValidator, WithJsonSchema

from aftercart.campaigns.part import Part
from aftercart.campaigns.written import Slug


@dataclass(frozen=True, slots=True)
class InLanguages:
    """A text that may be given once for each language. `texts`: (locale, text); locale "": in every language."""

    texts: tuple[tuple[str, str], ...]

    @classmethod
    def read(cls, written: Any) -> Self:
        """Read `Tips` or `{en: Tips, fr: Conseils}`. Raises ValueError that says what is wrong."""
        if isinstance(written, cls):
            return written
        by_language = written if isinstance(written, Mapping) else {"": written}
        if not by_language:
            raise ValueError("says nothing; write the text, or one for each language as {en: Tips, fr: Conseils}")
        return cls(tuple((_language(key), _said(text)) for key, text in by_language.items()))

    def plain(self) -> str | dict[str, str]:
        """As it is written in YAML."""
        texts = dict(self.texts)
        return texts.get("") or texts

    def for_locale(self, locale: str, otherwise: str) -> str:
        """The text for a locale (`fr_CA` or `fr-CA`), else for its language, else for `otherwise`, else the first."""
        texts = dict(self.texts)
        wanted = (written.replace("-", "_") for written in (locale, otherwise))
        chain = (name for full in wanted for name in (full, full.partition("_")[0]))
        return next((texts[name] for name in chain if name in texts), self.texts[0][1])


class _Campaign(Protocol):
    @property
    def topic(self) -> str: ...
    @property
    def mail_class(self) -> str: ...


def topics_owed(campaigns: Iterable[_Campaign]) -> frozenset[str]:
    """Topics about which there is transactional mail and no other: nobody can leave them."""
    classes = {(campaign.topic, campaign.mail_class == "transactional") for campaign in campaigns}
    return frozenset(topic for topic, is_owed in classes if is_owed and (topic, False) not in classes)


def _language(key: Any) -> str:
    if key == "":
        return ""
    try:
        return str(Locale.parse(str(key).strip().replace("-", "_")))
    except (ValueError, UnknownLocaleError) as err:
        raise ValueError(f"{key!r} is no language; write it as en or pt_BR") from err


def _said(text: Any) -> str:
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"{text!r} is no text; write it in words that your customers know")
    return text.strip()


_EITHER = {
    "anyOf": [
        {"type": "string", "minLength": 1},
        {"type": "object", "minProperties": 1, "additionalProperties": {"type": "string", "minLength": 1}},
    ]
}
Text = Annotated[
    InLanguages,
    PlainValidator(InLanguages.read),
    PlainSerializer(InLanguages.plain),
    WithJsonSchema(_EITHER),
]


class Topic(Part):
    """One thing that mails are about; people may leave it and keep the others."""

    id: Slug = Field(
        description="Name of the topic in campaign files; keep it when you edit.", examples=["recommendations"]
    )
    name: Text = Field(
        description="What people read, once or for each language.",
        examples=["What goes with what you bought"],
    )
    description: Text | None = Field(
        default=None,
        description="One sentence more, once or for each language.",
        examples=["A few days after an order, what goes with it"],
    )
