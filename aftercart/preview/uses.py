"""The mails that campaigns make of a template: a step as it stands, and each variant of its experiment."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from aftercart.campaigns.schema import Campaign, Step
from aftercart.recommendation.asking.request import Rules


@dataclass(frozen=True, slots=True)
class Use:
    """One of them. `key`: campaign and step, and the variant where it is one; `rules`: how its products are chosen."""

    key: str
    template: str
    subject: str | None
    rules: Rules | None


def uses(campaigns: Iterable[Campaign]) -> Iterator[Use]:
    """Every mail of these campaigns, drafts too, in the order of the files."""
    for campaign in campaigns:
        for step in campaign.steps:
            key = f"{campaign.campaign}/{step.id}"
            yield _use(key, step)
            for variant in step.experiment.variants if step.experiment else ():
                yield _use(f"{key}/{variant.id}", step.varied(variant.id))


def _use(key: str, step: Step) -> Use:
    return Use(key, step.template, step.subject, step.recommend.rules() if step.recommend else None)
