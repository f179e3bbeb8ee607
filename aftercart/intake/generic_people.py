"""What a person says by the generic door: a word on marketing mail with its proof, and the rights that they claim."""

from datetime import datetime

from aftercart.consent.statement import Basis, ConsentState, ConsentStatement
from aftercart.intake.changes import Buyer, Change, CustomerSeen, ErasureAsked, ExportAsked
from aftercart.intake.clean import WORDING_LENGTH, clean_ip
from aftercart.intake.reader import Reader


def statement(said: Reader, state: ConsentState, at: datetime | None) -> ConsentStatement:
    """What was said, with its evidence as far as there is any. A basis that is none of ours would pass for another."""
    proof = said.object("consent")
    basis = proof.text("basis")
    if basis not in frozenset(Basis):
        proof.fail("basis", f'"{basis}" is none of {", ".join(filter(None, Basis))}')
    source = proof.text("source", 100)
    return ConsentStatement(
        state,
        f"generic:{source}" if source else "generic",
        at,
        basis=Basis(basis) if state is ConsentState.GRANTED else Basis.UNSTATED,
        wording=proof.text("wording", WORDING_LENGTH),
        ip=clean_ip(proof.loose("ip")),
        expires_at=proof.instant("expires_at") if state is ConsentState.GRANTED else None,
    )


def consent_changed(envelope: Reader) -> Change:
    """Somebody said yes or no in a form: for that address, whoever's account it was typed into."""
    data = envelope.object("data")
    customer = data.object("customer")
    email, _ = _who(customer)
    if email is None:
        customer.fail("email", "is missing")
    said = data.flag("accepts_marketing")
    if said is None:
        data.fail("accepts_marketing", "is missing")
    at = data.instant("consent_at") or envelope.instant("timestamp")
    state = ConsentState.GRANTED if said else ConsentState.DENIED
    return CustomerSeen(Buyer(email=email, consent=statement(data, state, at)), at)


def erase(envelope: Reader) -> Change:
    """Somebody wants to be forgotten."""
    return ErasureAsked(*_who(envelope.object("data").object("customer")))


def export(envelope: Reader) -> Change:
    """Somebody wants to see all that is kept of them."""
    return ExportAsked(*_who(envelope.object("data").object("customer")))


def _who(customer: Reader) -> tuple[str | None, str | None]:
    """Address and customer id, one of which must be there."""
    email, id_ = customer.email("email"), customer.id("id") or None
    if not email and customer.text("email"):
        customer.fail("email", "is no address that mail can be sent to")
    if not (email or id_):
        customer.fail("email", "is missing, and so is id")
    return email, id_
