"""Which model serves now: the registered version, kept in memory and swapped when the register changes."""

import threading
from pathlib import Path

import structlog
from sqlalchemy import Connection

from aftercart.errors import ModelError
from aftercart.recommendation import store
from aftercart.recommendation.counted.evidence import evidence_of
from aftercart.recommendation.inputs.packed_catalog import packed
from aftercart.recommendation.models import files
from aftercart.recommendation.models.model import UNTRAINED, Model

_log = structlog.get_logger()

# Without a trained model the newest orders are counted, and again whenever orders or products grew by a twentieth.
_FALLBACK_ORDERS = 20_000
_RECOUNT_AFTER = 0.05


class ServingModel:
    """The model in memory. Thread-safe: whoever got a model keeps it, whatever is swapped in meanwhile."""

    def __init__(self, models_dir: Path) -> None:
        self._models_dir = models_dir
        self._lock = threading.Lock()
        self._trained: Model | None = None
        self._counted: tuple[tuple[int, int], Model] | None = None
        self._refused = ""

    def current(self, connection: Connection) -> Model:
        """The version that serves; one tiny query where nothing changed.

        A version whose files are damaged is logged once and not served: the one before it stays, if this process
        had it, else what the orders show. Without any trained version a model is counted from the newest orders.
        """
        registered = store.serving_version(connection)
        if registered is None:
            return self._untrained(connection)
        trained = self._trained
        if trained and registered.version in (trained.version, self._refused):
            return trained
        with self._lock:
            return self._loaded(registered) or self._untrained_locked(connection)

    def _loaded(self, registered: store.Version) -> Model | None:
        if (self._trained and self._trained.version == registered.version) or self._refused == registered.version:
            return self._trained
        try:
            self._trained = files.load(self._models_dir, registered.version, registered.checksum)
        except ModelError as err:
            self._refused = registered.version
            _log.error("model_not_served", version=registered.version, error=str(err))
        return self._trained

    def _untrained(self, connection: Connection) -> Model:
        with self._lock:
            return self._untrained_locked(connection)

    def _untrained_locked(self, connection: Connection) -> Model:
        extent = store.extent(connection)
        if self._counted and not _has_grown(self._counted[0], extent):
            return self._counted[1]
        past = store.load_interactions(connection, newest=_FALLBACK_ORDERS)
        model = Model(UNTRAINED, packed(past.products), evidence_of(past))
        self._counted = (extent, model)
        return model


def _has_grown(before: tuple[int, int], now: tuple[int, int]) -> bool:
    return any(new > old * (1 + _RECOUNT_AFTER) for old, new in zip(before, now, strict=True))
