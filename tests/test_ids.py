"""UUIDs of version 7, checked against RFC 9562 §5.7."""

import time
from itertools import pairwise
from uuid import RFC_4122

from aftercart.ids import new_id


def test_version_and_variant_stand_where_the_rfc_wants_them() -> None:
    for _ in range(1000):
        made = new_id()
        assert made.version == 7
        assert made.variant == RFC_4122
        assert str(made)[14] == "7"
        assert str(made)[19] in "89ab"


def test_the_first_48_bits_are_milliseconds() -> None:
    before = time.time_ns() // 1_000_000
    milliseconds = new_id().int >> 80
    assert before <= milliseconds <= time.time_ns() // 1_000_000


def test_ids_of_later_milliseconds_sort_later() -> None:
    made = [new_id() for _ in range(5000)]
    assert all(one.int >> 80 <= other.int >> 80 for one, other in pairwise(made))
    by_time = {made_id.int >> 80: made_id for made_id in made}
    assert sorted(by_time.values(), key=str) == list(by_time.values())


def test_no_two_are_alike_and_every_random_bit_is_used() -> None:
    made = {new_id().int for _ in range(5000)}
    assert len(made) == 5000
    ever_one, ever_zero = 0, 0
    for value in made:
        ever_one |= value
        ever_zero |= ~value
    random_bits = (2**12 - 1) << 64 | (2**62 - 1)
    assert ever_one & random_bits == ever_zero & random_bits == random_bits
