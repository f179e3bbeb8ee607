"""The engine, put together once from its settings: everything a pipeline verb needs, in one value."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from uuid import UUID
from zoneinfo import ZoneInfo

from aftercart.campaigns.brand import Brand
from aftercart.campaigns.live import LiveCampaigns
from aftercart.campaigns.loader import Campaigns
from aftercart.campaigns.sending import limits_of
from aftercart.clock import Clock, utc_now
from aftercart.db import inbox, migrate
from aftercart.db.session import Database
from aftercart.delivery.base import Message, Sender
from aftercart.delivery.dkim_signature import signed
from aftercart.delivery.mime import to_bytes
from aftercart.delivery.router import Router
from aftercart.delivery.senders import senders_from_urls
from aftercart.delivery.store import SharedTraffic
from aftercart.errors import ConfigError
from aftercart.feedback.esp import ServiceDoor, open_doors
from aftercart.feedback.mail import MailReader
from aftercart.feedback.mailbox import Mailbox, mailbox_from_url
from aftercart.feedback.verp import BounceAddresses
from aftercart.ids import new_id
from aftercart.intake.base import Shop
from aftercart.intake.shops import open_shops
from aftercart.ledger.witness import Witness
from aftercart.outward import store as outward
from aftercart.outward.analytics import analytics_from
from aftercart.outward.courier import Courier
from aftercart.outward.outlet import Outlet
from aftercart.outward.webhook import webhooks_from
from aftercart.policy import store as policy
from aftercart.policy.address_hash import AddressHashes
from aftercart.queue import Queue, open_queue
from aftercart.recommendation.recommender import Recommender
from aftercart.rendering.renderer import Renderer
from aftercart.settings import Settings, environment
from aftercart.starter import shipped
from aftercart.tracing import Tracer, open_tracer
from aftercart.tracking.tokens import TokenSigner


@dataclass(frozen=True)
class App:
    """One engine. Safe to share between threads."""

    settings: Settings
    clock: Clock
    db: Database
    inbox_db: Database
    queue: Queue
    sender: Sender
    senders: Mapping[str, Sender]
    """Each on its own, by its name: for what only the one that was given a mail can tell."""
    traffic: SharedTraffic
    shops: Mapping[str, Shop]
    renderer: Renderer
    own_renderer: Renderer
    """Of the mails that the engine itself brings along, where the shop has none of its own."""
    recommender: Recommender
    tokens: TokenSigner
    address_hashes: AddressHashes
    """Under which erased people are found."""
    witness: Witness
    services: Mapping[str, ServiceDoor]
    """The mail services whose webhooks are let in."""
    bounces: BounceAddresses | None
    """Where bounces return to; None: to the sender's own address, where nobody reads them for us."""
    bounce_mail: MailReader | None
    bounce_mailbox: Mailbox | None
    tracer: Tracer
    outlets: Mapping[str, Outlet]
    """Who is told what happens, by name."""
    courier: Courier
    live_campaigns: Callable[[], Campaigns]
    new_id: Callable[[], UUID] = new_id
    """Names the sends. A run that must be the same each time brings its own."""

    @property
    def campaigns(self) -> Campaigns:
        """The campaigns as they stand on disk now."""
        return self.live_campaigns()

    @property
    def brand(self) -> Brand:
        return self.campaigns.brand

    def close(self) -> None:
        """Close every connection."""
        self.sender.close()
        self.queue.close()
        self.courier.close()
        self.tracer.close()
        self.db.close()
        self.inbox_db.close()


def build(settings: Settings, *, clock: Clock = utc_now, sender: Sender | None = None) -> App:
    """Put an engine together; a SQLite database is brought up to date on the way.

    Raises ConfigError on anything that a person must mend.
    """
    with ExitStack() as on_fault:
        db, inbox_db = Database(settings.database), Database(settings.inbox)
        on_fault.callback(db.close)
        on_fault.callback(inbox_db.close)
        migrate.make_usable(db)
        inbox.prepare(inbox_db)
        app = assemble(settings, clock, db, inbox_db, sender)
        _keep_outlets(app)
        on_fault.pop_all()
        return app


def assemble(settings: Settings, clock: Clock, db: Database, inbox_db: Database, sender: Sender | None = None) -> App:
    """An engine over databases that are open and ready to use. Raises ConfigError on anything else to be mended."""
    live_campaigns = LiveCampaigns(settings.campaigns_dir, settings.templates_dir)
    tokens = TokenSigner(settings.secret_key)
    bounces = BounceAddresses(settings.bounce_address, settings.secret_key) if settings.bounce_address else None
    senders = [sender] if sender else senders_from_urls(settings.sender_url, _encode(settings), environment())
    traffic = _traffic(db, clock, senders, live_campaigns)
    return App(
        settings=settings,
        clock=clock,
        db=db,
        inbox_db=inbox_db,
        queue=open_queue(settings.broker_url),
        sender=sender or Router(senders, traffic, clock),
        senders={one.name: one for one in senders},
        traffic=traffic,
        shops=_shops(settings, live_campaigns().brand),
        renderer=Renderer(settings.templates_dir, settings.cache_dir / "templates"),
        own_renderer=Renderer(shipped() / "templates", settings.cache_dir / "shipped"),
        recommender=Recommender(settings.models_dir),
        tokens=tokens,
        address_hashes=_address_hashes(settings, db),
        witness=Witness(settings.data_dir / "beats.json"),
        services=open_doors(settings.esp_webhook_secrets, settings.base_url),
        bounces=bounces,
        bounce_mail=MailReader(bounces, tokens.read_unsubscribe) if bounces else None,
        bounce_mailbox=mailbox_from_url(settings.bounce_mailbox) if settings.bounce_mailbox else None,
        tracer=open_tracer(settings.traces_url),
        outlets=_outlets(settings),
        courier=Courier(to_loopback=settings.webhooks_to_loopback),
        live_campaigns=live_campaigns,
    )


def _keep_outlets(app: App) -> None:
    """Whatever happens is noted for those whom the database knows."""
    heard = {name: outlet.happenings for name, outlet in app.outlets.items()}
    with app.db.read() as connection:
        is_in_step = outward.is_in_step(connection, heard)
    if not is_in_step:
        with app.db.write() as connection:
            outward.sync(connection, heard, app.clock())


def _address_hashes(settings: Settings, db: Database) -> AddressHashes:
    """Raises ConfigError where a key is gone by which erased people were kept: they would be mailed again."""
    hashes = AddressHashes(settings.address_keys)
    with db.read() as connection:
        missing = policy.keys_missing(connection, hashes)
    if missing:
        raise ConfigError(
            "people were erased while AFTERCART_SECRET_KEY held a key that is gone; without it they would be mailed "
            "again: put it back at the end of AFTERCART_SECRET_KEY, or into AFTERCART_ERASURE_KEYS if it must sign no "
            "more links"
        )
    return hashes


def _encode(settings: Settings) -> Callable[[Message], bytes]:
    return signed(to_bytes, settings.dkim_key_file, settings.dkim_selector)


def _traffic(
    db: Database, clock: Clock, senders: Sequence[Sender], campaigns: Callable[[], Campaigns]
) -> SharedTraffic:
    names = [sender.name for sender in senders]
    for entry in campaigns().brand.senders:
        if entry.name not in (None, *names):
            known = ", ".join(names)
            raise ConfigError(f"brand.yaml: senders: AFTERCART_SENDER_URL names no {entry.name} (it names {known})")
    return SharedTraffic(db, clock, names, lambda name: limits_of(campaigns().brand.senders, name))


def _outlets(settings: Settings) -> dict[str, Outlet]:
    webhooks = webhooks_from(
        settings.webhooks,
        settings.webhook_secrets,
        settings.webhook_events,
        settings.webhook_addresses,
        to_loopback=settings.webhooks_to_loopback,
    )
    analytics = analytics_from(
        settings.analytics_id,
        settings.analytics_secret,
        settings.analytics_url,
        settings.analytics_events,
        to_loopback=settings.webhooks_to_loopback,
    )
    return {**webhooks, **({analytics.name: analytics} if analytics else {})}


def _shops(settings: Settings, brand: Brand) -> dict[str, Shop]:
    return open_shops(
        generic=settings.generic_secret,
        shopify=settings.shopify_secret,
        woocommerce=settings.woocommerce_secret,
        currency=brand.currency,
        storefront=brand.url,
        zone=ZoneInfo(brand.time_zone),
    )
