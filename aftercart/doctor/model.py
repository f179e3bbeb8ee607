"""What recommends, and how old is it?"""

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from aftercart.db.peek import is_there
from aftercart.db.session import Database
from aftercart.doctor.finding import Finding, fault, fine, warn
from aftercart.errors import ModelError
from aftercart.quantity import counted
from aftercart.recommendation import store
from aftercart.recommendation.models import files

MODEL = "model"
OLD = timedelta(days=3)
"""It is trained each night."""
TRAIN = "aftercart train"


def check_model(url: str, models_dir: Path, now: datetime) -> Iterator[Finding]:
    """The model that serves. The database is known to answer."""
    if not is_there(url):
        return
    with closing(Database(url)) as database, database.read() as connection:
        serving, newest = store.serving_version(connection), store.newest_version_at(connection)
        orders, _ = store.extent(connection)
    if serving is None or newest is None:
        found = "none is trained; what was bought together and best sellers fill the mails"
        yield warn(MODEL, found, TRAIN if orders else f"aftercart import orders FILE, then {TRAIN}")
        return
    try:
        files.load(models_dir, serving.version, serving.checksum)
    except ModelError as err:
        do = f"share or copy {models_dir} from a machine that has it, or aftercart models rollback, or {TRAIN}"
        yield fault(MODEL, f"{serving.version} cannot be read here, where past orders fill the mails: {err}", do)
        return
    found = f"{serving.version} serves; the newest was trained {_days(now - newest)} ago"
    yield (
        warn(MODEL, found, f"see that a worker reads `train`, or {TRAIN}") if now - newest > OLD else fine(MODEL, found)
    )


def _days(age: timedelta) -> str:
    return counted(age.days, "day") if age.days else counted(round(age / timedelta(hours=1)), "hour")
