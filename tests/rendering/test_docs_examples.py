"""What docs/templates.md shows can be copied: every example compiles, and prints what it should."""

import re
from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from aftercart.rendering.checking.check import check_template
from aftercart.rendering.renderer import Renderer
from aftercart.rendering.running.runtime import Rendered, Template
from tests.rendering.mjml import in_column

DOCS = (Path(__file__).parents[2] / "docs" / "templates.md").read_text(encoding="utf-8")
FENCED = re.findall(r"^```\w*\n(.*?)^```$", DOCS, re.MULTILINE | re.DOTALL)
VALUES = sorted({code.replace("\\|", "|") for code in re.findall(r"`([^`\n]*\{\{[^`\n]+\}\}[^`\n]*)`", DOCS)})
OF_FILES = {"{{ words.greeting }}", "{{ super() }}", "{{ card(pick) }}", "{{ pick.url|link }}"}
"""Those that stand for something of another file, or stand in a body.txt."""


def shown(*codes: str) -> str:
    """Examples as the page has them, one behind the other."""
    assert [code for code in codes if f"`{code}`" not in re.sub(r"\n +", " ", DOCS)] == []
    return "".join(codes)


def written(folder: Path, shipped: Path, files: dict[str, str]) -> Path:
    """The shipped templates folder with further files."""
    root = copytree(shipped, folder / "templates")
    for name, content in files.items():
        (root / name).parent.mkdir(exist_ok=True, parents=True)
        (root / name).write_text(content, encoding="utf-8")
    return root


@pytest.mark.parametrize("code", [code for code in VALUES if code not in OF_FILES])
def test_every_value_that_the_page_shows_prints(
    code: str, compiled: Callable[..., Template], sample: dict[str, Any]
) -> None:
    style = code if code.startswith("font-family") else ""
    said = "" if style else code
    body = in_column(f'<mj-text>{{% set pick = picks[0] %}}<p style="{style}">Look: {said}</p></mj-text>')
    assert re.search(r">Look: [^<{]+<", compiled(body).render(sample, str).html) or style


def test_the_page_shows_values() -> None:
    assert len(VALUES) > 8
    assert set(VALUES) > OF_FILES


def test_layouts_blocks_includes_and_macros_go_together_as_the_page_shows(
    shipped: Path, sample: dict[str, Any], tmp_path: Path
) -> None:
    macro = shown("{% macro card(pick, wide=false) %} ... {% endmacro %}")
    card = "<mj-section><mj-column><mj-text css-class='ink'>{{ pick.title }}</mj-text></mj-column></mj-section>"
    content = f"{{% for pick in picks %}}{shown('{{ card(pick) }}')}{{% endfor %}}"
    body = (
        shown('{% extends "_layout/mail.mjml" %}', '{% from "_layout/product.mjml" import card %}')
        + shown("{% block content %} ... {% endblock %}").replace("...", content)
        + f'{{% block preview %}}News of {shown("{{ super() }}")}{{% endblock %}}'
        + "{% block footer %}" + shown('{% include "_layout/footer.mjml" %}') + "{% endblock %}"
    )  # fmt: skip
    files = {"_layout/product.mjml": macro.replace("...", card), "news/body.mjml": body, "news/subject.txt": "News"}
    root = written(tmp_path, shipped, files)
    assert check_template(root, "news") == []
    mail = Renderer(root, tmp_path / "cache").template("news", "en").render(sample, str)
    assert mail.preheader == f"News of {sample['brand']['name']}"
    assert [pick["title"] for pick in sample["picks"] if pick["title"] not in mail.text] == []


def test_the_choice_of_words_for_a_reason_prints_one(rendered: Callable[..., Rendered], sample: dict[str, Any]) -> None:
    (choice,) = [block for block in FENCED if block.startswith("{% if")]
    content = f"{{% for pick in picks %}}{choice}{{% endfor %}}"
    sample["picks"][1]["because"], sample["picks"][2]["because"]["title"] = None, None
    text = rendered(content, sample).text
    for said in ("because you bought Road-550", "goes with what you bought", "popular with our customers"):
        assert said in text


def test_words_are_written_as_the_page_shows(shipped: Path, sample: dict[str, Any], tmp_path: Path) -> None:
    (words,) = [block for block in FENCED if block.startswith("# words/fr.txt")]
    body = in_column(f"<mj-text>{shown('{{ words.greeting }}')} {{{{ words.more }}}}</mj-text>")
    files = {"news/words/fr.txt": words, "news/body.mjml": body, "news/subject.txt": "Nouvelles"}
    root = written(tmp_path, shipped, files)
    mail = Renderer(root, tmp_path / "cache").template("news", "fr_FR").render(sample, str)
    assert mail.text == "Bonjour Ada, Une phrase longue va sur la ligne suivante\n"


def test_cards_in_a_row_and_links_in_a_text_are_written_as_the_page_shows(
    compiled: Callable[..., Template], sample: dict[str, Any]
) -> None:
    row = shown('{% for row in picks|batch(2) %}<mj-section>{% for pick in row %}<mj-column width="50%">')
    body = (
        f"<mjml><mj-body>{row}<mj-text>{{{{ pick.title }}}}</mj-text></mj-column>{{% endfor %}}</mj-section>"
        "{% endfor %}</mj-body></mjml>"
    )
    own = {"mail/body.txt": f"{{% for pick in picks %}}{shown('{{ pick.url|link }}')}\n{{% endfor %}}"}
    mail = compiled(body, files=own).render(sample, lambda url: f"{url}#tracked")
    assert mail.html.count("50%") >= len(sample["picks"])
    assert mail.text.count("#tracked") == len(sample["picks"])
