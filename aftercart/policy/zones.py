"""In whose time we count: the recipient's own zone, else their region's or country's, else the shop's, else UTC.

Countries come from the table that the time zone database itself ships (`zone.tab`, read from the `tzdata` package:
nothing is fetched at run time). Where a country has several zones its region decides, as shops write it (ISO 3166-2
without the country, `CA`, or with it, `US-CA`); without a region the zone in which most of its people live.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


class ZoneSource(StrEnum):
    """How we know where somebody's clock hangs."""

    RECIPIENT = "recipient"
    REGION = "region"
    COUNTRY = "country"
    SHOP = "shop"
    UTC = "utc"


@dataclass(frozen=True, slots=True)
class LocalZone:
    """A zone, how we came to it, and the country (with its region) whose public holidays go with it."""

    zone: ZoneInfo
    source: ZoneSource
    country: str = ""
    region: str = ""


MOST_PEOPLE = {
    "AU": "Australia/Sydney",
    "BR": "America/Sao_Paulo",
    "CA": "America/Toronto",
    "PS": "Asia/Hebron",
    "RU": "Europe/Moscow",
    "UA": "Europe/Kyiv",
    "UZ": "Asia/Tashkent",
}
"""Countries whose first row in `zone.tab` is not the zone of most of their people (its order is west to east)."""

REGIONS = {
    "US": {
        "America/New_York": "CT DC DE FL GA KY MA MD ME NC NH NJ NY OH PA RI SC VA VT WV",
        "America/Detroit": "MI",
        "America/Indiana/Indianapolis": "IN",
        "America/Chicago": "AL AR IA IL KS LA MN MO MS ND NE OK SD TN TX WI",
        "America/Denver": "CO MT NM UT WY",
        "America/Boise": "ID",
        "America/Phoenix": "AZ",
        "America/Los_Angeles": "CA NV OR WA",
        "America/Anchorage": "AK",
        "Pacific/Honolulu": "HI",
        "America/Puerto_Rico": "PR",
        "America/St_Thomas": "VI",
        "Pacific/Guam": "GU",
        "Pacific/Pago_Pago": "AS",
        "Pacific/Saipan": "MP",
    },
    "CA": {
        "America/St_Johns": "NL",
        "America/Halifax": "NS PE",
        "America/Moncton": "NB",
        "America/Toronto": "ON QC",
        "America/Iqaluit": "NU",
        "America/Winnipeg": "MB",
        "America/Regina": "SK",
        "America/Edmonton": "AB NT",
        "America/Vancouver": "BC",
        "America/Whitehorse": "YT",
    },
    "AU": {
        "Australia/Sydney": "NSW ACT",
        "Australia/Melbourne": "VIC",
        "Australia/Brisbane": "QLD",
        "Australia/Hobart": "TAS",
        "Australia/Adelaide": "SA",
        "Australia/Darwin": "NT",
        "Australia/Perth": "WA",
    },
    "BR": {
        "America/Sao_Paulo": "DF ES GO MG PR RJ RS SC SP",
        "America/Bahia": "BA",
        "America/Maceio": "AL SE",
        "America/Recife": "PE",
        "America/Fortaleza": "CE MA PB PI RN",
        "America/Belem": "AP PA",
        "America/Araguaina": "TO",
        "America/Cuiaba": "MT",
        "America/Campo_Grande": "MS",
        "America/Porto_Velho": "RO",
        "America/Boa_Vista": "RR",
        "America/Manaus": "AM",
        "America/Rio_Branco": "AC",
    },
    "MX": {
        "America/Tijuana": "BC BCN",
        "America/Hermosillo": "SON SO",
        "America/Mazatlan": "BCS BS NAY NA SIN SI",
        "America/Chihuahua": "CHH CHIH CH",
        "America/Cancun": "ROO QROO QR",
    },
    "ID": {
        "Asia/Pontianak": "KB KT",
        "Asia/Makassar": "BA NB NT KS KI KU SA ST SN SG GO SR",
        "Asia/Jayapura": "PA PB PD PE PS PT MA MU",
    },
    "RU": {
        "Europe/Kaliningrad": "KGD",
        "Europe/Astrakhan": "AST",
        "Europe/Samara": "SAM UD",
        "Europe/Saratov": "SAR",
        "Europe/Ulyanovsk": "ULY",
        "Europe/Volgograd": "VGG",
        "Asia/Yekaterinburg": "BA CHE KGN KHM ORE PER SVE TYU YAN",
        "Asia/Omsk": "OMS",
        "Asia/Novosibirsk": "NVS",
        "Asia/Barnaul": "AL ALT",
        "Asia/Tomsk": "TOM",
        "Asia/Novokuznetsk": "KEM",
        "Asia/Krasnoyarsk": "KK KYA TY",
        "Asia/Irkutsk": "BU IRK",
        "Asia/Chita": "ZAB",
        "Asia/Yakutsk": "AMU SA",
        "Asia/Vladivostok": "KHA PRI YEV",
        "Asia/Magadan": "MAG",
        "Asia/Sakhalin": "SAK",
        "Asia/Kamchatka": "KAM",
        "Asia/Anadyr": "CHU",
    },
    "ES": {"Atlantic/Canary": "CN GC TF", "Africa/Ceuta": "CE ML"},
    "PT": {"Atlantic/Azores": "20", "Atlantic/Madeira": "30"},
    "EC": {"Pacific/Galapagos": "W"},
    "CL": {"America/Punta_Arenas": "MA", "America/Coyhaique": "AI"},
}
"""The regions of countries that span several zones, where a shop's region code tells them apart.

ISO 3166-2 (what Shopify sends, with few exceptions) and, where it differs, WooCommerce's own table of states.
"""

_ALSO_WRITTEN = {"UK": "GB", "EL": "GR"}


@lru_cache(maxsize=4096)
def zone_of(*, own: str = "", country: str = "", region: str = "", shop: str = "") -> LocalZone:
    """The zone to count a person's hours in. A name that the time zone database does not know is passed over.

    Holidays are those of the country; where it is unknown, of the one that the zone lies in.
    """
    country = _country_code(country)
    region = _region_code(region, country)
    chain = (
        (own, ZoneSource.RECIPIENT),
        (_by_region().get((country, region), ""), ZoneSource.REGION),
        (by_country().get(country, ""), ZoneSource.COUNTRY),
        (shop, ZoneSource.SHOP),
    )
    for name, source in chain:
        if zone := known_zone(name):
            return LocalZone(zone, source, *((country, region) if country else (_country_of(name), "")))
    return LocalZone(ZoneInfo("UTC"), ZoneSource.UTC)


@lru_cache(maxsize=2048)
def known_zone(name: str) -> ZoneInfo | None:
    """The zone of that name, aliases such as Europe/Kiev included; None where there is none."""
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name is a folder ("Europe")
        return None


@cache
def by_country() -> dict[str, str]:
    """Country (ISO 3166-1, two letters) → zone of most of its people."""
    first = dict(reversed(_table()))
    return first | MOST_PEOPLE


def _country_of(zone: str) -> str:
    return _lies_in().get(zone, "")


@cache
def _lies_in() -> dict[str, str]:
    return {zone: country for country, zone in _table()}


@cache
def _table() -> tuple[tuple[str, str], ...]:
    """Country and zone of each row of `zone.tab`."""
    rows = (files("tzdata") / "zoneinfo" / "zone.tab").read_text(encoding="utf-8").splitlines()
    fields = (row.split("\t") for row in rows if not row.startswith("#"))
    return tuple((country, zone) for country, _coordinates, zone, *_ in fields)


@cache
def _by_region() -> dict[tuple[str, str], str]:
    return {
        (country, code): zone
        for country, zones in REGIONS.items()
        for zone, codes in zones.items()
        for code in codes.split()
    }


def _country_code(country: str) -> str:
    code = country.strip().upper()
    return _ALSO_WRITTEN.get(code, code)


def _region_code(region: str, country: str) -> str:
    return region.strip().upper().removeprefix(f"{country}-").replace(" ", "").replace(".", "")
