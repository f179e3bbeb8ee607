"""How to look closer once the demo has played: its folder is an installation, with an `.env` of its own."""

import os
import shlex
import shutil
from collections.abc import Collection, Sequence
from pathlib import Path

from aftercart.demo.stage import FOLDER
from aftercart.demo.unmailed import Unmailed


def worth_a_look(unmailed: Sequence[Unmailed], bought: Collection[str]) -> str | None:
    """The order to explain: the newest that got no mail, rather not one of those that were placed after a click
    (`bought`), whose numbers the demo made up."""
    plain = (order.order_id for order in unmailed if order.order_id not in bought)
    return next(plain, unmailed[0].order_id if unmailed else None)


def commands(called_as: str, order_id: str | None) -> tuple[str, ...]:
    """What to type in the folder where the demo was started. `called_as`: as this process was (`sys.argv[0]`);
    `order_id`: of an order to explain."""
    enter = f"cd {FOLDER} && {shlex.quote(_program(called_as))}"
    explained = (f"{enter} explain {shlex.quote(order_id)}",) if order_id else ()
    return f"{enter} sends", *explained


def _program(called_as: str) -> str:
    """`aftercart` where that is what runs, else its file as seen from the demo's folder."""
    file, on_path = Path(called_as), shutil.which("aftercart")
    if file.name != "aftercart" or not file.is_file() or (on_path and Path(on_path).resolve() == file.resolve()):
        return "aftercart"
    near = file.absolute().is_relative_to(Path.cwd())
    return os.path.relpath(file.absolute(), FOLDER.absolute()) if near else str(file.absolute())
