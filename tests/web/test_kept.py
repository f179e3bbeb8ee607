"""Reports that pages keep: how long, and who waits for whom."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Event

from aftercart.web.admin.kept import KEPT_S, TIMES, Kept

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)


class Watch:
    """Seconds of a process, as a test wants them."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def test_what_took_long_is_kept_longer_and_its_age_is_told() -> None:
    watch = Watch()
    kept = Kept(watch)

    def make(seconds: float) -> float:
        watch.at += seconds
        return watch.at

    for seconds in (0.1, 30.0):
        made, as_of = kept.get(seconds, NOW, lambda seconds=seconds: make(seconds))  # type: ignore[misc]
        lasts = max(KEPT_S, TIMES * seconds)
        watch.at += lasts - 1
        assert kept.get(seconds, NOW + timedelta(hours=1), lambda: -1.0) == (made, as_of) == (made, NOW)
        watch.at += 2
        assert kept.get(seconds, NOW, lambda: -1.0)[0] == -1.0


def test_while_one_makes_it_anew_others_get_what_there_is() -> None:
    watch, begun, go_on = Watch(), Event(), Event()
    kept = Kept(watch)
    kept.get("page", NOW, lambda: "old")
    watch.at += KEPT_S + 1

    def make() -> str:
        begun.set()
        assert go_on.wait(20)
        return "new"

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(kept.get, "page", NOW, make)
        assert begun.wait(20)
        assert kept.get("page", NOW, lambda: "made twice")[0] == "old"
        go_on.set()
        assert first.result()[0] == "new"
