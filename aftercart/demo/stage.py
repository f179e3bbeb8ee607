"""The stage of the demo: a folder of its own with a brand, campaigns, templates and a database, made anew each time."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from aftercart.demo.payloads import Secrets
from aftercart.demo.shop import BIKES, DemoShop
from aftercart.settings import Settings
from aftercart.starter import shipped
from workers.embedded import LOCK_FILE, hold

FOLDER = Path("data") / "demo"
SECRETS = Secrets(
    generic="whsec_ZGVtbyBvbmx5OiBubyBzaG9wIHNpZ25zIHdpdGggdGhpcw==", shopify="demo only, no shop signs with this"
)
CAMPAIGNS = Path(__file__).parent / "campaigns"
ELSEWHERE = "start this one from another folder"


@contextmanager
def held() -> Iterator[None]:
    """Keep `data/demo` of the current folder for this demo alone, before anything in it is touched.

    Raises ConfigError where another demo plays in it, or an engine runs on what an earlier one left.
    """
    with hold(FOLDER, "plays a demo", ELSEWHERE):
        if (FOLDER / "data").is_dir():
            hold(FOLDER / "data", instead=ELSEWHERE).close()
        yield


def set_up(shop: DemoShop, base_url: str, smtp_port: int, seed: int) -> Settings:
    """Write the stage into `data/demo` of the current folder; what an earlier demo left there goes, but for its lock."""
    for left in [path for path in FOLDER.iterdir() if path.name != LOCK_FILE]:
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left)
        else:
            left.unlink()
    shutil.copytree(shipped() / "templates", FOLDER / "templates")
    shutil.copytree(CAMPAIGNS / ("bikes" if _sells_bikes(shop) else "any"), FOLDER / "campaigns")
    (FOLDER / "campaigns" / "brand.yaml").write_text(_brand(shop), encoding="utf-8")
    (FOLDER / ".env").write_text(_env(base_url, seed), encoding="utf-8")
    return Settings(
        _env_file=None,  # type: ignore[call-arg]  # a pydantic-settings argument that mypy does not see
        data_dir=FOLDER / "data",
        database_url="",
        broker_url="inproc://",
        sender_url=f"smtp://127.0.0.1:{smtp_port}",
        secret_key=(secret_key(seed),),
        base_url=base_url,
        campaigns_dir=FOLDER / "campaigns",
        templates_dir=FOLDER / "templates",
        generic_secret=SECRETS.generic,
        shopify_secret=SECRETS.shopify,
    )


def secret_key(seed: int) -> str:
    """Signs nothing that matters. It follows from the seed, so that the same people are held out in every run."""
    return sha256(f"the demo's key, seed {seed}".encode()).hexdigest()


def _env(base_url: str, seed: int) -> str:
    """The settings for whoever types commands in the folder. Mails of `aftercart up` are printed: no server is left."""
    settings = {
        "DATA_DIR": "data",
        "CAMPAIGNS_DIR": "campaigns",
        "TEMPLATES_DIR": "templates",
        "BASE_URL": base_url,
        "SENDER_URL": "console:",
        "SECRET_KEY": secret_key(seed),
        "GENERIC_SECRET": SECRETS.generic,
        "SHOPIFY_SECRET": f"'{SECRETS.shopify}'",
    }
    lines = (f"AFTERCART_{name}={value}\n" for name, value in settings.items())
    return "# The demo's settings, read by every command that is typed in this folder.\n" + "".join(lines)


def _sells_bikes(shop: DemoShop) -> bool:
    return any(product.department == BIKES for product in shop.products)


def _brand(shop: DemoShop) -> str:
    """The brand file. A JSON string is a YAML string too."""
    keys = {
        "name": shop.name,
        "sender": f'"{shop.name}" <hello@shop.example>',
        "postal_address": "1 Demo Street, 10115 Berlin, Germany",
        "time_zone": "Europe/Berlin",
        "locale": "en_US",
        "currency": shop.currency,
        "url": shop.home,
        "color": "#1f6f54",
        "quiet_hours": "21:00-08:00",
    }
    return "".join(f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in keys.items())
