"""The least MJML around what a test is about."""


def in_text(content: str) -> str:
    return in_column(f"<mj-text>{content}</mj-text>")


def in_column(content: str) -> str:
    return f"<mjml><mj-body><mj-section><mj-column>{content}</mj-column></mj-section></mj-body></mjml>"
