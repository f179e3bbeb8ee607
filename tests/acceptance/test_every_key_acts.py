"""A mutation check of the whole schema: take any key away from the files, and what comes of them is different.

Every key that the campaign file and the brand file accept is found in the schema. For each there is a scenario in one
of the `stories_of_*.py` beside this file: a few lines of YAML in which the key says something, a short story in a
shop, and what is seen of it. The story is told twice, with the files as they are, and with files in which the one key
is as if it were read and forgotten (its default holds; a key that must be given says the first example of the
schema). A key that does nothing shows the same both times, and fails here; so does a key without a scenario.

How to add a key:

    @campaign_key("limits.my_key", 3, sees=["no_picks"], campaign={"steps[].after": "1d"})
    def it_does_what_it_says(shop: World) -> Any:
        shop.order()
        return shop.live(10).fates

- `campaign_key` or `brand_key`: the path of the key (`steps[].at`: of the first step), its value, what is seen of it.
- `campaign=`, `brand=`: other keys that the story needs; `other=`: a second campaign. The usual files stand in
  `yaml_keys.py`; their one mail is called `only` and is due three days after the order.
- A story may serve several keys: put one line above the other. It returns plain values and no ids, which are random.
- A story takes 0.05 s. What takes longer belongs into a test of its own.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance import (  # noqa: F401  # tell SCENARIOS
    stories_of_experiments,
    stories_of_limits,
    stories_of_mails,
    stories_of_the_shop,
)
from tests.acceptance.key_shop import Ground, World, world
from tests.acceptance.yaml_keys import SCENARIOS, Scenario, every_key, without


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    opened = Ground(tmp_path_factory.mktemp("keys"))
    yield opened
    opened.close()


def test_every_key_has_a_scenario() -> None:
    keys = every_key()
    assert len(keys) > 60
    told = {scenario.key for scenario in SCENARIOS}
    assert [str(key) for key in keys if key not in told] == [], "the head of this file says how to add one"
    assert [str(key) for key in told if key not in keys] == []


def test_every_word_that_a_key_takes_has_a_scenario() -> None:
    """`drop` may act where `go_without` does nothing. What a variant says is read as what its step says."""
    keys = [key for key in every_key() if key.words and ".variants[]." not in key.path]
    assert len(keys) > 8
    told = {(one.key, word) for one in SCENARIOS for word in one.words if isinstance(word, str)}
    assert [f"{key}: {word}" for key in keys for word in key.words if (key, word) not in told] == []


def test_a_key_that_does_nothing_would_be_found(ground: Ground, tmp_path: Path) -> None:
    """The check itself, checked: a story that does not look at what the key does sees the same twice."""
    blind = next(one for one in SCENARIOS if one.key.path == "steps[].at")
    assert told_twice(ground, tmp_path, Scenario(blind.key, ada_gets_her_mail, blind.says, sees=1)) == (1, 1)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_a_key_that_is_taken_away_is_missed(ground: Ground, tmp_path: Path, scenario: Scenario) -> None:
    as_written, taken_away = told_twice(ground, tmp_path, scenario)
    assert as_written == scenario.sees
    assert taken_away != scenario.sees, f"{scenario.key} does nothing"


def told_twice(ground: Ground, folder: Path, scenario: Scenario) -> tuple[Any, Any]:
    """What is seen with the key, and without it."""
    key = next(key for key in every_key() if key == scenario.key)  # with its stand-in
    with world(ground, folder / "with", scenario.files) as shop:
        as_written = scenario.observe(shop)
    with world(ground, folder / "without", without(scenario.files, key)) as shop:
        return as_written, scenario.observe(shop)


def ada_gets_her_mail(shop: World) -> Any:
    shop.order()
    return len(shop.live(4).mails)
