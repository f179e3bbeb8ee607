"""Are the secrets secret, and is a door open for the shop?"""

import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from aftercart.doctor.finding import Finding, fault, fine, warn

KEYS, DOORS = "keys", "webhooks"
FEWEST_LETTERS = 12
"""Different characters that a random secret of 32 has, but for one in millions."""
PLACEHOLDERS = ("change", "secret", "example", "password", "replace", "your", "test", "insecure")


def check_keys(secret_key: tuple[str, ...], env_file: Path) -> Iterator[Finding]:
    """SECRET_KEY, newest first, and who else on this machine may read it."""
    weak = [number for number, key in enumerate(secret_key, start=1) if _is_guessable(key)]
    if weak:
        do = "`python -c 'import secrets; print(secrets.token_urlsafe(32))'` makes one; put it in front of the old one"
        yield fault(KEYS, f"AFTERCART_SECRET_KEY number {weak[0]} can be guessed, so links can be forged", do)
    else:
        older = len(secret_key) - 1
        yield fine(KEYS, f"AFTERCART_SECRET_KEY is random{f' ({older} older ones are taken, too)' if older else ''}")
    if env_file.is_file() and env_file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield warn(KEYS, f"others on this machine may read {env_file}", f"chmod 600 {env_file}")


def check_doors(secrets: Mapping[str, str]) -> Iterator[Finding]:
    """`secrets` by shop; one without a secret takes no webhooks."""
    is_open = [shop for shop, secret in secrets.items() if secret]
    if not is_open:
        yield fault(
            DOORS,
            "no shop may tell us anything",
            "set AFTERCART_SHOPIFY_SECRET, _WOOCOMMERCE_SECRET or _GENERIC_SECRET",
        )
        return
    for shop in is_open:
        if shop != "generic" and (len(secrets[shop]) < 16 or _is_placeholder(secrets[shop])):
            yield warn(DOORS, f"the secret of {shop} is short or a placeholder", "take the one that the shop shows you")
    yield fine(DOORS, f"open for {', '.join(is_open)}")


def _is_guessable(key: str) -> bool:
    return len(set(key)) < FEWEST_LETTERS or _is_placeholder(key)


def _is_placeholder(key: str) -> bool:
    return any(word in key.lower() for word in PLACEHOLDERS)
