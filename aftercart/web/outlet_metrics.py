"""Numbers about those who are told what happens, for Prometheus."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from aftercart.outward.store import OutletRow


def outlet_metrics(outlets: Sequence[OutletRow], now: datetime) -> Iterator[Metric]:
    """Alarm where `aftercart_outlet_up` is 0 for hours: what happens waits to be told there."""
    about = {
        "up": "1 where an outlet (an outgoing webhook) takes what it is told, 0 where it fails or is disabled",
        "waiting": "Messages that wait to be told",
        "oldest_seconds": "How long ago the oldest of them happened",
        "given_up": "Messages that were given up in the last 30 days",
    }
    families = {
        name: GaugeMetricFamily(f"aftercart_outlet_{name}", words, labels=["outlet"]) for name, words in about.items()
    }
    for one in outlets:
        standing = one.standing
        families["up"].add_metric([one.name], int(not standing.is_probed and standing.disabled_at is None))
        families["waiting"].add_metric([one.name], one.waiting)
        families["oldest_seconds"].add_metric([one.name], (now - one.oldest).total_seconds() if one.oldest else 0)
        families["given_up"].add_metric([one.name], one.gave_up)
    yield from families.values()
