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

    def __init__(self, campaigns_dir: Path, templates_dir: Path, *, look_again_s: float = LOOK_AGAIN_S) -> None:
        """Raises ConfigError when what is there at the start is invalid."""
        self._dir, self._templates_dir = campaigns_dir, templates_dir
        self._look_again_s = look_again_s
        self._lock = threading.Lock()
        self._seen = self._fingerprint()
        self._looked_at = monotonic()
        self._fault = ""
        self._campaigns = load_campaigns(campaigns_dir, templates_dir)

    def __call__(self) -> Campaigns:
        """The campaigns. Looks at the files again when the last look is two seconds old."""
        if monotonic() - self._looked_at >= self._look_again_s:
            with self._lock:
                if monotonic() - self._looked_at >= self._look_again_s:  # another thread has not looked meanwhile
                    self._look()
                    self._looked_at = monotonic()
        return self._campaigns

    def _look(self) -> None:
        try:
            self._reload_if_needed()
        except (ConfigError, OSError) as err:  # OSError: the folder went away while it was read
            if str(err) != self._fault:
                log.error("campaigns_invalid", error=str(err), kept="the last valid state")
            self._fault = str(err)

    def _reload_if_needed(self) -> None:
        """What is invalid is read again at every look: its cure may lie elsewhere, in a template that is made at last
        or in a permission."""
        fingerprint = self._fingerprint()
        if fingerprint == self._seen and not self._fault:
            return
        self._seen = fingerprint
        self._campaigns = load_campaigns(self._dir, self._templates_dir)
        self._fault = ""
        log.info("campaigns_reloaded", campaigns=sorted(self._campaigns.by_name))

    def _fingerprint(self) -> tuple[tuple[str, int, int], ...]:
        return tuple(_stamp(file) for file in sorted(self._dir.glob("*.yaml")))


def _stamp(file: Path) -> tuple[str, int, int]:
    try:
        stat = file.stat()
    except FileNotFoundError:  # it went away since it was listed
        return str(file), 0, 0
    return str(file), stat.st_mtime_ns, stat.st_size
