"""A clock for many processes that can be stepped both ways: the machine's, plus what a file says."""

from datetime import datetime, timedelta
from pathlib import Path

from aftercart.clock import utc_now


class ToldClock:
    """Reads the file each time, so that a step is seen at once and by all."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __call__(self) -> datetime:
        return utc_now() + timedelta(seconds=float(self._file.read_text(encoding="ascii")))

    def step(self, by: timedelta) -> None:
        """Forward, or back."""
        self._set(self._ahead + by.total_seconds())

    def move_to(self, instant: datetime) -> None:
        """Forward only: an instant in the past changes nothing."""
        self.step(max(instant - self(), timedelta()))

    def start(self) -> None:
        """Agree with the machine."""
        self._set(0.0)

    @property
    def _ahead(self) -> float:
        return float(self._file.read_text(encoding="ascii"))

    def _set(self, seconds: float) -> None:
        new = self._file.with_suffix(".new")
        new.write_text(str(seconds), encoding="ascii")
        new.replace(self._file)  # at once: a reader sees the old step or the new one
