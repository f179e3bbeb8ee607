"""`experiment:` in a step: what it says, what it refuses, and what is checked of each of its variants."""

from typing import Any

import pytest

from aftercart.campaigns.schema import Campaign
from aftercart.campaigns.ways import every_mail, ways

STEP = {"id": "complements", "after": "3d", "template": "accessories", "recommend": {"slots": 4}}
TRIED = """\
    experiment:
      name: subject
      variants:
        - id: question
          subject: Another one?
"""


def campaign(*variants: dict[str, Any], **says: Any) -> Campaign:
    experiment = {"name": "subject", "variants": list(variants or [{"id": "b", "subject": "B"}]), **says}
    about = {"campaign": "accessories", "status": "active", "trigger": "order.completed"}
    return Campaign.model_validate({**about, "steps": [{**STEP, "experiment": experiment}]})


def test_a_variant_changes_what_it_names_and_nothing_else() -> None:
    read = campaign({"id": "late", "after": "7d", "recommend": {"slots": 2, "strategy": "best_sellers"}})
    (step,) = read.steps
    assert step.varied("control") == step.varied("unheard_of") == step
    late = step.varied("late")
    assert (str(late.after), late.template, late.subject) == ("7d", "accessories", None)
    assert late.recommend is not None
    assert (late.recommend.slots, late.recommend.rules().first) == (2, "best_sellers")


def test_weights_share_people_out_control_first() -> None:
    read = campaign({"id": "b", "subject": "B"}, {"id": "c", "subject": "C", "weight": 2}, control_weight=5)
    experiment = read.steps[0].experiment
    assert experiment is not None
    assert experiment.shares == {"control": 0.625, "b": 0.125, "c": 0.25}
    assert str(experiment.key("accessories", "complements")) == "step:accessories/complements/subject@1"


def test_a_campaign_without_one_keeps_its_version() -> None:
    about = {"campaign": "accessories", "status": "active", "trigger": "order.completed"}
    assert Campaign.model_validate({**about, "steps": [STEP]}).version == "7b9dc6b6bd50"
    assert campaign().version != campaign(version=2).version


def test_every_mail_is_the_step_and_each_of_its_variants() -> None:
    read = campaign({"id": "b", "subject": "B"}, {"id": "c", "template": "reviews"})
    assert [(mail.subject, mail.template) for mail in every_mail(read)] == [
        (None, "accessories"),
        ("B", "accessories"),
        (None, "reviews"),
    ]
    assert [way.variant.id for way in ways(read)] == ["b", "c"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "subject: Another one?",
            "weight: 2",
            "15:11: error: steps[0].experiment.variants[0]: changes nothing — "
            "give at least one of subject, template, recommend, coupon, after, at",
        ),
        (
            "id: question",
            "id: control",
            "15:11: error: steps[0].experiment.variants[0].id: 'control' is the mail as it",
        ),
        (
            "subject: Another one?\n",
            "subject: Another one?\n        - {id: question, at: '11:00'}\n",
            "14:7: error: steps[0].experiment.variants: two variants are called 'question' — give each a name of its",
        ),
        (
            "name: subject\n",
            "name: subject\n      mode: bandit\n      metric: revenue\n",
            "12:5: error: steps[0].experiment: a bandit follows conversion, not revenue — leave metric out",
        ),
        (
            "name: subject\n",
            "name: subject\n      mode: bandit\n",
            "14:7: note: steps[0].experiment.mode: sends more and more people what sells best",
        ),
        (
            "subject: Another one?",
            "template: welcome",
            "16:11: error: steps[0].experiment.variants[0].template: there is no template 'welcome' — known:",
        ),
        (
            "subject: Another one?",
            "template: accessories",
            "15:11: error: steps[0].experiment.variants[0]: says the same as the step, so nothing is tried",
        ),
        (
            "subject: Another one?",
            "recommend: {slots: 2, at_least: 3}",
            "16:33: error: steps[0].experiment.variants[0].recommend.at_least: at least 3 products can never fill 2",
        ),
        (
            "subject: Another one?",
            'at: "22:00"',
            "16:11: warning: steps[0].experiment.variants[0].at: 22:00 lies in the quiet hours",
        ),
        (
            "subject: Another one?\n",
            "after: 10d\n  - {id: later, after: 9d, valid_for: 3d, template: reviews}\n",
            "15:11: error: steps[0].experiment.variants[0]: with it, steps[1].after is due at 9d, not later than the",
        ),
        (
            "subject: Another one?",
            "subject: |\n            a\n            b",
            "16:11: error: steps[0].experiment.variants[0].subject: a subject is one line of text",
        ),
    ],
)
def test_a_fault_of_a_variant_is_told_at_its_place(folder: Any, old: str, new: str, said: str) -> None:
    folder.edit("      slots: 4\n", "      slots: 4\n" + TRIED)
    assert folder.faults() == []
    folder.edit(old, new)
    assert any(fault.startswith(said) for fault in folder.faults()), folder.faults()


def test_a_transactional_mail_may_try_a_subject_but_no_code(folder: Any) -> None:
    folder.edit("    recommend:\n      slots: 4\n", TRIED)
    folder.edit("status: active", "status: active\nclass: transactional")
    folder.edit("limits:\n  frequency_cap: [1 per 1d]\n", "limits:\n")
    folder.edit("holdout: 10%\n", "")
    assert folder.faults() == []
    folder.edit("subject: Another one?", "coupon: {pool: thanks}")
    (fault,) = folder.faults()
    assert "steps[0].experiment.variants[0].coupon: a mail that hands out a code is marketing" in fault
