"""The campaigns as they stand on disk now, for a process that runs for weeks."""

import threading
from pathlib import Path
from time import monotonic

import structlog

from aftercart.campaigns.loader import Campaigns, load_campaigns
from aftercart.errors import ConfigError

log = structlog.get_logger()

LOOK_AGAIN_S = 2.0


class LiveCampaigns:
    """Serves the newest valid campaigns. A file that became invalid is reported and the last valid state stays."""

    def __init__(self, campaigns_dir: Path, templates_dir: Path) -> None:
        """Raises ConfigError when what is there at the start is invalid."""
        self._dir, self._templates_dir = campaigns_dir, templates_dir
        self._lock = threading.Lock()
        self._seen = self._fingerprint()
        self._looked_at = monotonic()
        self._campaigns = load_campaigns(campaigns_dir, templates_dir)

    def __call__(self) -> Campaigns:
        """The campaigns. Looks at the files again when the last look is two seconds old."""
        with self._lock:
            if monotonic() - self._looked_at >= LOOK_AGAIN_S:
                self._looked_at = monotonic()
                self._reload_if_changed()
            return self._campaigns

    def _reload_if_changed(self) -> None:
        fingerprint = self._fingerprint()
        if fingerprint == self._seen:
            return
        self._seen = fingerprint
        try:
            self._campaigns = load_campaigns(self._dir, self._templates_dir)
            log.info("campaigns_reloaded", campaigns=sorted(self._campaigns.by_name))
        except ConfigError as err:
            log.error("campaigns_invalid", error=str(err), kept="the last valid state")

    def _fingerprint(self) -> tuple[tuple[str, int, int], ...]:
        files = sorted(self._dir.glob("*.yaml"))
        return tuple((str(file), (stat := file.stat()).st_mtime_ns, stat.st_size) for file in files)
