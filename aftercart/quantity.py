"""How many there are of something, as a person says it: 1 mail, 1,200 mails."""


def counted(count: int, one: str, several: str = "") -> str:
    """The number and its word. `several`: where more than one has a name of its own; else the same with an s."""
    return f"{count:,} {named(count, one, several)}"


def named(count: float, one: str, several: str = "") -> str:
    """The word alone, where the number stands in a column."""
    return one if count == 1 else several or f"{one}s"
