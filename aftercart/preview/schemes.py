"""A mail as programs show it in the dark, whatever the browser that shows it here prefers.

Some programs use the mail's own dark styles, some ignore them, and some (Gmail on Android, Outlook) turn the colors of
any mail around by themselves.
"""

import re

SCHEMES = ("light", "dark", "forced")
_DARK_ONLY = re.compile(r"\(\s*prefers-color-scheme\s*:\s*dark\s*\)")
_KNOWS_THE_DARK = re.compile(r'<meta content="light dark" name="color-scheme"')
_TURNED = (
    "<style>html{background:#fff;filter:invert(1) hue-rotate(180deg)}"
    "img,video,[background]{filter:invert(1) hue-rotate(180deg)}</style></head>"
)


def in_scheme(html: str, scheme: str) -> str:
    """The HTML so that any browser shows it in one of `SCHEMES`: its dark styles always apply, or never.

    In the dark the ground is dark, too, where a mail that says it knows the dark draws none.
    """
    dark = scheme == "dark" and _KNOWS_THE_DARK.search(html)
    ground = f"<style>:root{{color-scheme:{'dark' if dark else 'only light'} !important}}</style>"
    chosen = _DARK_ONLY.sub("(min-width: 0)" if scheme == "dark" else "(max-width: 0)", html)
    return chosen.replace("</head>", f"{ground}{_TURNED if scheme == 'forced' else '</head>'}", 1)
