"""Whatever piece of a mail is given to Jinja, it comes out as if it were not; or the compiler says why it cannot."""

import pytest

from aftercart.errors import TemplateError
from tests.rendering.lifting import Lifted, lifted, wrapped
from tests.rendering.mjml import Bodies, in_column

MAIL = """<mjml><mj-head><mj-attributes><mj-text color="#333333" /></mj-attributes></mj-head>
<mj-body background-color="#fafafa">
<mj-wrapper background-color="#ffffff"><mj-section direction="rtl" background-url="https://example.com/b.png">
  <mj-column width="60%" vertical-align="middle"><mj-text align="center" font-size="20px">Tom &amp; <b>Ada</b></mj-text>
    <mj-button href="https://example.com/?a=1" background-color="#123456" color="#ffffff">Buy</mj-button></mj-column>
  <mj-column width="40%"><mj-image src="https://example.com/1.png" alt="A &quot;bell&quot;"
    href="https://example.com/1" /><mj-divider border-color="#cccccc" /><mj-spacer height="20px" /></mj-column>
</mj-section></mj-wrapper>
<mj-section><mj-group width="100%"><mj-column width="50%"><mj-table><tr><td>1</td></tr></mj-table></mj-column>
  <mj-column width="50%"><mj-raw><i>raw</i></mj-raw></mj-column></mj-group></mj-section>
<mj-section><mj-column width="100%"><mj-social><mj-social-element name="github" href="https://example.com/g">G
  </mj-social-element></mj-social><mj-navbar><mj-navbar-link href="https://example.com/n">N</mj-navbar-link></mj-navbar>
  </mj-column></mj-section>
</mj-body></mjml>"""
CASES = [*lifted(MAIL), *wrapped(MAIL)]


@pytest.fixture(scope="module")
def bodies(tmp_path_factory: pytest.TempPathFactory) -> Bodies:
    return Bodies(tmp_path_factory.mktemp("bodies"))


@pytest.mark.parametrize("case", CASES, ids=[f"{number} {case.what}" for number, case in enumerate(CASES)])
def test_a_piece_given_to_jinja_changes_nothing(case: Lifted, bodies: Bodies) -> None:
    assert bodies.tokens(case.template, case.values) == bodies.tokens(case.plain, {})


def test_what_mjml_would_put_back_is_refused(bodies: Bodies) -> None:
    """An accordion without a title gets an empty one, which no condition would take out."""
    accordion = (
        "<mj-accordion><mj-accordion-element>{% if t %}<mj-accordion-title>T</mj-accordion-title>{% endif %}"
        "<mj-accordion-text>X</mj-accordion-text></mj-accordion-element></mj-accordion>"
    )
    with pytest.raises(TemplateError, match="cannot stand in <mj-accordion-element>"):
        bodies.tokens(in_column(accordion), {"t": True})
