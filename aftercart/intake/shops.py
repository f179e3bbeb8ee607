"""The shops that exist."""

from datetime import UTC, tzinfo

from aftercart.intake.base import Shop
from aftercart.intake.generic import Generic
from aftercart.intake.shopify import Shopify
from aftercart.intake.woocommerce import WooCommerce


def open_shops(
    *,
    generic: str = "",
    shopify: str = "",
    woocommerce: str = "",
    currency: str = "",
    storefront: str = "",
    zone: tzinfo = UTC,
) -> dict[str, Shop]:
    """The shops by name, each with its secret; one without a secret refuses everything.

    `currency`, `storefront` (address of the shop) and `zone`: for news that leaves them out. Raises ConfigError for
    a secret that cannot be one.
    """
    shops: tuple[Shop, ...] = (
        Generic(generic),
        Shopify(shopify, currency=currency, storefront=storefront),
        WooCommerce(woocommerce, zone=zone, currency=currency),
    )
    return {shop.name: shop for shop in shops}
