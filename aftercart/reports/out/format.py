"""Which files there are. Light: the command line shows its help without a database library."""

from enum import StrEnum


class Format(StrEnum):
    CSV = "csv"
    PARQUET = "parquet"
    HYPER = "hyper"
