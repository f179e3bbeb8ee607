"""A campaign as each of its variants has it: what is checked of a campaign is checked of every mail it may send."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from aftercart.campaigns.experiment import Variant
from aftercart.campaigns.fault import key_path
from aftercart.campaigns.finding import Finding
from aftercart.campaigns.schema import Campaign, Step
from aftercart.campaigns.yaml_file import Loc


@dataclass(frozen=True, slots=True)
class Way:
    """A campaign with one of its steps as a variant has it."""

    campaign: Campaign
    step: int
    number: int
    variant: Variant

    def place(self, found: Finding) -> Finding:
        """What was found in it, at the place of the variant that it comes from."""
        here: Loc = ("steps", self.step, "experiment", "variants", self.number)
        if found.loc[:2] == ("steps", self.step) and found.loc[2:3] and found.loc[2] in self.variant.changes():
            return replace(found, loc=(*here, *found.loc[2:]))
        return replace(found, loc=here, message=f"with it, {key_path(found.loc)} {found.message}")


def ways(campaign: Campaign) -> Iterator[Way]:
    """One for each variant, all other steps as they stand."""
    for index, step in enumerate(campaign.steps):
        for number, variant in enumerate(step.experiment.variants if step.experiment else ()):
            varied = step.varied(variant.id).model_copy(update={"experiment": None})
            steps = (*campaign.steps[:index], varied, *campaign.steps[index + 1 :])
            yield Way(campaign.model_copy(update={"steps": steps}), index, number, variant)


def each_way(campaign: Campaign, find: Callable[[Campaign], Iterable[Finding]]) -> Iterator[Finding]:
    """What is found in a campaign as it stands, then what only its variants bring."""
    as_it_stands = list(find(campaign))
    yield from as_it_stands
    known = {(found.loc, found.message) for found in as_it_stands}
    for way in ways(campaign):
        yield from (way.place(found) for found in find(way.campaign) if (found.loc, found.message) not in known)


def every_mail(campaign: Campaign) -> Iterator[Step]:
    """Every step as it stands and as each variant has it."""
    for step in campaign.steps:
        yield step
        yield from (step.varied(one.id) for one in (step.experiment.variants if step.experiment else ()))
