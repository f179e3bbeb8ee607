"""Long lists in pieces."""

from aftercart.db.chunks import CHUNK, chunks


def test_every_value_comes_once_and_in_its_order() -> None:
    assert list(chunks([3, 1, 3, 2, 1], 2)) == [[3, 1], [2]]


def test_nothing_makes_no_piece() -> None:
    assert list(chunks([])) == []


def test_a_piece_is_as_long_as_a_statement_takes() -> None:
    assert [len(piece) for piece in chunks(range(CHUNK + 1))] == [CHUNK, 1]
