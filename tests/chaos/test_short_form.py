"""T01, T04, T06, T08: the short form of `make chaos`, which breaks more things for longer."""

import os
import random
from pathlib import Path

import pytest

from tests.chaos.lab import Lab
from tests.chaos.short_form import a_bit_of_everything

pytestmark = pytest.mark.chaos

SEED = os.environ.get("CHAOS_SEED") or os.environ.get("CI") or str(random.randrange(10_000))


def test_whatever_breaks_each_planned_mail_leaves_once_or_has_a_reason(tmp_path: Path) -> None:
    print(f"CHAOS_SEED={SEED}")
    with Lab(tmp_path, SEED) as lab:
        verdict = a_bit_of_everything(lab)
    assert verdict.faults == ()
    assert verdict.handed_over > verdict.orders
