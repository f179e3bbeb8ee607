"""HTML whose begin and end stand in different branches: as it was written, or refused, and never mended by MJML."""

from collections.abc import Callable

import jinja2
import pytest

from aftercart.errors import TemplateError
from aftercart.rendering.running.runtime import Template
from tests.rendering.lifting import tokens
from tests.rendering.mjml import in_text

VALUES = ({"t": True, "ns": [1, 2]}, {"t": False, "ns": []})
AS_WRITTEN = [
    "{% if t %}<b>{% endif %}x{% if t %}</b>{% endif %}",
    "<p>a{% if t %}</p><p>{% endif %}b</p>",
    "<table><tr>{% for n in ns %}<td>{{ n }}</td>{% if t %}</tr><tr>{% endif %}{% endfor %}</tr></table>",
    "<p>{% if t %}<b>{% endif %}<i>x</i>{% if t %}</b>{% endif %}</p>",
    "<p>left open{% if t %}b{% endif %}",
    "{% if t %}<div><p>x</div>{% endif %}y",
    "<!--[if mso]><div><![endif]-->{% if t %}x{% endif %}<!--[if mso]></div><![endif]-->",
    "{% for n in ns %}<br><img src='https://e.com/1'>{% else %}<br>{% endfor %}",
]


@pytest.mark.parametrize("content", AS_WRITTEN)
def test_what_matches_in_its_order_is_as_jinja_makes_it(content: str, compiled: Callable[..., Template]) -> None:
    template = compiled(in_text(content))
    for values in VALUES:
        first = jinja2.Environment().from_string(content).render(values)
        assert tokens(template.render(values, str).html) == tokens(compiled(in_text(first)).render({}, str).html)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{% if t %}<div>{% else %}<div class='b'>{% endif %}y</div>", "<div> does not end"),
        ("{% if t %}<b>{% else %}<i>{% endif %}x{% if t %}</b>{% else %}</i>{% endif %}", "<i> does not end"),
        ("<b>{% if t %}x</b>{% else %}y</b>{% endif %}z", "</b> ends nothing"),
        ("{% for n in ns %}<p>{{ n }}{% endfor %}", "<p> does not end"),
        ("<p>a{% if t %}<p>b{% endif %}</p>", "<p> does not end"),
        ("<div><p>{% if t %}x</div><div>{% endif %}</div>", "<p> does not end"),
    ],
)
def test_what_mjml_would_mend_for_everybody_is_refused(
    content: str, said: str, compiled: Callable[..., Template]
) -> None:
    with pytest.raises(TemplateError, match=rf"body\.mjml:1:\d+: {said}.*in one branch"):
        compiled(in_text(content))
    with pytest.raises(TemplateError, match=said):
        compiled(in_text("{% if t %}x{% endif %}<!-- -->" + content))
