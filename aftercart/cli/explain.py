"""`aftercart explain`: every decision about an order, a send or a person, in order."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from aftercart.reports.explain import Explanation, SendStory
    from aftercart.reports.moment import Moment


def explain(
    name: Annotated[str, typer.Argument(metavar="ORDER_ID|SEND_ID|EMAIL", help="What to explain.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Tell why somebody got a mail, waits for it, or did not get it."""
    from aftercart.cli.open import reading
    from aftercart.reports.explain import explain as look_up

    with reading() as connection:
        explanation = look_up(connection, name)
    if as_json:
        print(json.dumps(explanation.plain(), ensure_ascii=False, indent=1))
    else:
        _tell(name, explanation)
    if not explanation:
        raise typer.Exit(1)


def _tell(name: str, explanation: "Explanation") -> None:
    if not explanation:
        print(f"Nothing is known by the name {name!r}: give a shop's order id, a send id or an e-mail address.")
    for person in explanation.people:
        _tell_head(person.email)
        _tell_moments(person.moments)
    for order in explanation.orders:
        _tell_head(f"Order {order.order_id}", f" of {order.shop}, {order.state}, {order.email or 'no e-mail'}")
        _tell_moments(order.moments)
        _tell_sends(order.sends)
    if explanation.events:
        _tell_head(f"Order {name.strip()}", ", which is not known; only these webhooks spoke of it")
        _tell_moments(explanation.events)


def _tell_sends(sends: "tuple[SendStory, ...]") -> None:
    for send in sends:
        print(f"  {'now':19}  {send.state:<11} [{send.campaign} / {send.step}] {send.sentence}")
        under = f", configuration {send.configuration}" if send.configuration else ""
        print(f"  {'':19}  {'':11} send: {send.send_id}{under}")


def _tell_head(what: str, more: str = "") -> None:
    """Not as markup: a shop may write what it likes into an order's id."""
    from rich.console import Console
    from rich.text import Text

    Console().print(Text.assemble("\n", (what, "bold"), more))


def _tell_moments(moments: "tuple[Moment, ...]") -> None:
    from aftercart.reports.words import in_words, stage_in_words

    for moment in moments:
        where = f"[{moment.campaign}] " if moment.campaign else ""
        print(f"  {moment.at:%Y-%m-%d %H:%M:%S}  {stage_in_words(moment.kind):<11} {where}{moment.sentence}")
        for line in in_words(moment.kind, moment.facts):
            print(f"  {'':19}  {'':11} {line}")
