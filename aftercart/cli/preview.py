"""`aftercart preview` and `aftercart send-test`: look at mails before anybody gets them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aftercart.cli.address import normalized
from aftercart.quantity import counted

if TYPE_CHECKING:
    from aftercart.delivery.base import Message
    from aftercart.preview.shelf import Shelf, Wanted
    from aftercart.preview.shop import Sender, ShopFiles
    from aftercart.settings import Settings

WRONG_USAGE = 2
PORT = Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for a free one.")]
SAMPLE = Annotated[str, typer.Option(help="sample, largest, smallest, unicode, rtl or missing.")]
LOCALE = Annotated[str, typer.Option(help="The reader's language, such as fr; without it that of the sample.")]


def preview(
    templates: Annotated[list[str] | None, typer.Argument(help="Only these templates (with --shots).")] = None,
    port: PORT = 8025,
    to: Annotated[str, typer.Option(help="Your address, for the button that sends a test.")] = "",
    shots: Annotated[Path | None, typer.Option(help="Write a PNG of every mail to this folder, and stop.")] = None,
    baseline: Annotated[Path | None, typer.Option(help="Compare the pictures with those of this folder.")] = None,
) -> None:
    """Show every template in a browser on this machine, anew whenever a file is saved. Ctrl-C stops it."""
    from aftercart.logs import configure
    from aftercart.preview.server import Preview
    from aftercart.web.server import listen, serve, serving, url_of

    configure()
    to = normalized(to) if to else ""
    settings, shelf, files = _deployment()
    if wrong := _wrong_folders(shots, baseline):
        typer.echo(f"aftercart: {wrong}", err=True)
        raise typer.Exit(WRONG_USAGE)
    send = (lambda wanted: _send(settings, _message(shelf, files.sender(), to, wanted))) if to else None
    app = Preview(
        shelf, lambda wanted: _headers(_message(shelf, files.sender(), to or "you@example.com", wanted)), send
    ).app
    if shots:
        with serving(app) as base:
            _take(shelf, base, templates or [], shots, baseline)
        return
    with listen("127.0.0.1", port) as listening:
        typer.echo(f"Open {url_of(listening)} (Ctrl-C stops it)", err=True)
        serve(app, listening)


def _wrong_folders(shots: Path | None, baseline: Path | None) -> str:
    if baseline is None:
        return ""
    if shots is None:
        return "--baseline compares the pictures of --shots DIR"
    if not baseline.is_dir():
        return f"there is no folder {baseline} to compare with: --shots {baseline} makes it"
    return "--shots and --baseline name the same folder" if shots.resolve() == baseline.resolve() else ""


def send_test(
    template: Annotated[str, typer.Argument(help="The template.")],
    to: Annotated[str, typer.Argument(help="Your address.")],
    sample: SAMPLE = "sample",
    locale: LOCALE = "",
) -> None:
    """Send a template with its sample to yourself, by AFTERCART_SENDER_URL. Its links lead nowhere real."""
    from aftercart.preview.shelf import Wanted
    from aftercart.rendering.checking.samples import VARIANTS

    if sample not in VARIANTS:
        typer.echo(f"aftercart: there is no sample {sample!r}; there are {', '.join(VARIANTS)}", err=True)
        raise typer.Exit(WRONG_USAGE)
    to = normalized(to)
    settings, shelf, files = _deployment()
    if locale:
        _tell_of_another(shelf, template, locale)
    typer.echo(_send(settings, _message(shelf, files.sender(), to, Wanted(template, sample, locale))))


def _tell_of_another(shelf: "Shelf", template: str, locale: str) -> None:
    """Whoever asks for a language that there is not shall not believe the one that comes to be it."""
    from aftercart.rendering.authoring.locales import understood

    if understood(locale) is None:
        typer.echo(f"aftercart: {locale!r} is no locale: write, for example, fr or pt_BR", err=True)
        raise typer.Exit(WRONG_USAGE)
    spoken = shelf.locale_for(template, locale)
    if spoken != locale:
        there = f"; it has {', '.join(known)}" if (known := shelf.locales(template)) else ""
        typer.echo(f"aftercart: {template} has no words for {locale}{there}: who reads it gets {spoken}", err=True)


def _deployment() -> "tuple[Settings, Shelf, ShopFiles]":
    """The templates of this deployment and who they come from; a brand file that cannot be read is told."""
    from aftercart.pipeline.sending.past_orders import PastOrders
    from aftercart.preview.shelf import Shelf
    from aftercart.preview.shop import ShopFiles
    from aftercart.recommendation.recommender import Recommender
    from aftercart.settings import read_settings

    settings = read_settings(secret_key=("unused" * 6,))
    files = ShopFiles(settings.campaigns_dir, settings.templates_dir)
    orders = PastOrders(settings.database, Recommender(settings.models_dir))
    cache = settings.cache_dir / "preview"
    return settings, Shelf(settings.templates_dir, cache, files.now, orders, settings.campaigns_dir), files


def _message(shelf: "Shelf", sender: "Sender", to: str, wanted: "Wanted") -> "Message":
    from aftercart.clock import utc_now
    from aftercart.preview.shelf import test_message

    return test_message(shelf.rendered(wanted), sender, to, wanted, utc_now())


def _headers(message: "Message") -> str:
    from aftercart.delivery.mime import to_bytes

    return to_bytes(message).partition(b"\r\n\r\n")[0].decode("utf-8", "replace")


def _send(settings: "Settings", message: "Message") -> str:
    """Raises ConfigError where the mail was not taken."""
    from aftercart.delivery.base import Outcome
    from aftercart.delivery.senders import senders_from_urls
    from aftercart.errors import ConfigError
    from aftercart.settings import environment

    sender = senders_from_urls(settings.sender_url, environment=environment())[0]
    try:
        (receipt,) = sender.send_batch([message], lambda *messages: [one.send_id for one in messages])
    finally:
        sender.close()
    if receipt.outcome is not Outcome.ACCEPTED:
        raise ConfigError(f"{sender.name} did not take the test ({receipt.outcome}): {receipt.response}")
    return f"Sent to {message.recipient} by {sender.name}: {receipt.response}"


def _take(shelf: "Shelf", base: str, only: list[str], folder: Path, baseline: Path | None) -> None:
    from rich.progress import track

    from aftercart.preview.shots import changes, refuse_without_pillow, shots, take

    if baseline:
        refuse_without_pillow()
    wanted = list(shots(shelf, only))
    for _ in track(take(base, wanted, folder), "Pictures", total=len(wanted), transient=True):
        pass
    print(f"{counted(len(wanted), 'picture')} in {folder}")
    found = list(changes(folder, baseline, wanted, only)) if baseline else []
    for change in found:
        print(
            f"{change.name}: {'another size, new or gone' if change.share == 1 else f'{change.share:.1%} is different'}"
        )
    if found:
        raise typer.Exit(1)
