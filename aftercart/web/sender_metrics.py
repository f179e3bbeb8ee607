"""Numbers about senders, for Prometheus."""

from collections.abc import Iterator, Sequence

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from aftercart.reports.senders import SenderReport


def sender_metrics(senders: Sequence[SenderReport]) -> Iterator[Metric]:
    """Alarm where `aftercart_sender_up` is 0: its mails wait, or another sender carries them."""
    up = GaugeMetricFamily("aftercart_sender_up", "1 where a sender works, 0 where it is left alone", labels=["sender"])
    faults = GaugeMetricFamily("aftercart_sender_faults", "Faults of a sender in a row", labels=["sender"])
    labels = ["sender", "per", "domain"]
    used = GaugeMetricFamily("aftercart_sender_used", "Mails that count for a limit", labels=labels)
    limit = GaugeMetricFamily("aftercart_sender_limit", "Mails that a limit allows", labels=labels)
    for one in senders:
        up.add_metric([one.name], int(one.works))
        faults.add_metric([one.name], one.faults)
        for each in one.limits:
            about = [one.name, each.limit.per.value, each.domain]
            used.add_metric(about, each.used)
            limit.add_metric(about, each.limit.most)
    yield from (up, faults, used, limit)
