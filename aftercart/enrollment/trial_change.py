"""What an edit does to the experiment of a step, in sentences. Pure."""

from collections.abc import Iterator

from aftercart.campaigns.experiment import Experiment

_FIXED = ("metric", "window", "people", "mode")
"""What is taken as it was when the experiment began: else one could choose by what decides once one has seen it."""


def experiment_notes(before: Experiment | None, now: Experiment | None) -> Iterator[str]:
    """From what the newest stored version of the campaign said to what the file says."""
    match before, now:
        case (None, None):
            return
        case (None, Experiment()):
            yield f"the experiment {now.name} begins: lots are drawn for orders from now on, and for planned mails"
        case (Experiment(), None):
            yield f"the experiment {before.name} ends: planned mails go as the step stands, its report stays"
        case (Experiment(), Experiment()) if before.name != now.name:
            yield f"the experiment {before.name} ends, its report stays; {now.name} begins, with lots of its own"
        case (Experiment(), Experiment()) if before.version != now.version:
            yield f"{now.name} draws lots anew as version {now.version}; what version {before.version} came to stays"
        case (Experiment(), Experiment()):
            yield from _of_the_same(before, now)


def _of_the_same(before: Experiment, now: Experiment) -> Iterator[str]:
    shares, were = now.shares, before.shares
    for arm in were.keys() - shares.keys():
        yield f"{now.name}: the variant {arm} is gone; its people keep their lot and get the mail as the step stands"
    if shares != were:
        told = ", ".join(f"{arm} {share:.0%}" for arm, share in shares.items())
        yield f"{now.name}: new people are shared out as {told}; who has a lot keeps it"
    for key in _FIXED:
        if getattr(before, key) != getattr(now, key):
            yield f"{now.name}: {key} stays as it was when it began, {getattr(before, key)}; raise version to change it"
