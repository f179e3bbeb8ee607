"""Public holidays of a country and, where its regions have their own, of a region.

They come from the `holidays` package, which carries them itself: nothing is asked at run time. It is an optional
package, the extra `holidays`, and imported only where a campaign asks for them.
"""

from datetime import date
from functools import lru_cache
from types import ModuleType

from aftercart.errors import MissingExtraError

EXTRA = "holidays"


def is_known() -> bool:
    """Whether the package that knows them is installed."""
    try:
        _package()
    except MissingExtraError:
        return False
    return True


@lru_cache(maxsize=2048)
def public_holidays(country: str, region: str, year: int) -> frozenset[date]:
    """The days of a year on which a country (ISO 3166-1) or a region of it (ISO 3166-2) rests.

    Of a region that the package does not know, those of the whole country; of an unknown country, none. Raises
    MissingExtraError without the package.
    """
    package = _package()
    for subdivision in (region, None) if region else (None,):
        try:
            return frozenset(package.country_holidays(country, subdiv=subdivision, years=[year]))
        except NotImplementedError:  # so the package says that it does not know the place
            continue
    return frozenset()


def _package() -> ModuleType:
    try:
        import holidays
    except ModuleNotFoundError as err:
        raise MissingExtraError(EXTRA, "not_on_holidays") from err
    module: ModuleType = holidays
    return module
