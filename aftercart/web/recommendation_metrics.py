"""How recommendations fare, as Prometheus reads it. What nobody can say has no number."""

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from aftercart.reports.recommending import Recommending


def recommendation_metrics(fares: Recommending) -> Iterator[Metric]:
    """Of the mails of the last seven days and today, as of the last count."""
    about = "Products that mails showed in the last seven days, by who chose them"
    picks = GaugeMetricFamily("aftercart_picks", about, labels=("source",))
    for source, count in sorted(fares.picks.items()):
        picks.add_metric((source,), count)
    yield picks
    shares = (
        ("aftercart_fallback_share", "Of these, the share that not the model chose", fares.fallback_share),
        ("aftercart_coverage", "Of the products on sale, the share that one of these mails showed", fares.coverage),
        (
            "aftercart_unknown_anchor_share",
            "Of what these mails were about, the share that the model has not seen",
            fares.unknown_share,
        ),
        (
            "aftercart_score_drift",
            "Scores of first picks beside those at the training, in standard deviations of the latter",
            fares.score_drift,
        ),
    )
    for name, meaning, value in shares:
        yield GaugeMetricFamily(name, meaning, value=value)
