"""How far a template may grow while it is put together, so that `check` and workers answer at once.

An include that stands twice in a file that stands twice in another doubles at each step: thirty short files would keep
any machine busy for hours.
"""

from collections.abc import Iterable, Iterator

from aftercart.errors import TemplateError
from aftercart.rendering.authoring.lexer import Kind, Segment

STEPS = 2_000
"""How many includes, layouts, blocks and macros are put in place for one part of a mail; twelve cards take fifty."""
DEEPEST = 20
"""How many of them stand inside one another."""
TAGS = 10_000
CHARACTERS = 500_000
"""Gmail shows a fifth of that."""
LONGEST_TAG = 5_000

_LOOK = "look for an include, a macro or a phrase that stands twice in one that stands twice itself"


class Growth:
    """Of one part of a mail: what was put in the places of tags so far."""

    def __init__(self) -> None:
        self._steps = 0

    def step(self, tag: Segment, depth: int) -> None:
        """Something takes the place of `tag`, inside `depth` others. Raises TemplateError where it is too much."""
        if depth > DEEPEST:
            raise TemplateError("this goes too deep", tag.place, "let less stand inside one another")
        self._steps += 1
        if self._steps > STEPS:
            raise TemplateError(f"more than {STEPS:,} files, blocks and macros are put in place here", tag.place, _LOOK)


def bounded(segments: Iterable[Segment]) -> Iterator[Segment]:
    """The same segments. Raises TemplateError at the first that no mail has room for."""
    tags = characters = 0
    for segment in segments:
        is_tag = segment.kind is not Kind.DATA
        if is_tag and len(segment.text) > LONGEST_TAG:
            fix = "write several tags, such as {% set %} for its parts"
            raise TemplateError(f"this tag has more than {LONGEST_TAG:,} characters", segment.place, fix)
        tags += is_tag
        characters += len(segment.text)
        if tags > TAGS:
            raise TemplateError(f"put together, there are more than {TAGS:,} tags", segment.place, _LOOK)
        if characters > CHARACTERS:
            raise TemplateError(f"put together, there are more than {CHARACTERS:,} characters", segment.place, _LOOK)
        yield segment
