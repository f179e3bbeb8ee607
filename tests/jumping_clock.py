"""A clock as machines have it: somebody may set it back."""

from datetime import UTC, datetime

from aftercart.clock import SteppedClock


class JumpingClock(SteppedClock):
    """A stepped clock that also goes back."""

    def jump_to(self, instant: datetime) -> None:
        """Show another time from now on."""
        self._now = instant.astimezone(UTC)
