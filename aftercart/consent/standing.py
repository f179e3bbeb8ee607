"""How a person's consent stands, and what a statement adds to it. Pure.

The ledger is a set: how it stands depends on when things were said, never on the order in which we heard of them or on
how often. Consent is never guessed upwards: a yes counts only if it is newer than every no, an undated yes only where
there is no no at all, and whatever is in doubt speaks against mailing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from aftercart.consent.statement import Basis, ConsentState, ConsentStatement

CLOCKS_DIFFER_BY = timedelta(minutes=5)
"""How far a shop's clock may be ahead of ours; what lies further ahead is no date."""
ASKED_AGAIN_AFTER = timedelta(days=30)
"""Who did not confirm is asked once more if they say yes again so much later, and not before."""
_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ConsentRules:
    """What the brand makes of statements. `implied_expires`: how long an implied yes holds, None for ever.

    `double_opt_in`: whether a new yes has to be confirmed by mail before it counts.
    """

    implied_expires: timedelta | None = None
    double_opt_in: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the ledger. `undated`: nobody said when; `at` is when we heard of it."""

    at: datetime
    state: ConsentState
    basis: Basis = Basis.UNSTATED
    undated: bool = False
    expires_at: datetime | None = None

    def holds(self, now: datetime, rules: ConsentRules) -> bool:
        """Whether a yes has not run out."""
        ends = [self.expires_at] if self.expires_at else []
        if rules.implied_expires is not None and self.basis.may_run_out:
            ends.append(self.at + rules.implied_expires)
        return all(now < end for end in ends)


def standing(history: Sequence[Entry], now: datetime, rules: ConsentRules) -> ConsentState | None:
    """How consent stands at an instant, by all that is known of a person. None: they never said anything."""
    noes = [entry.at for entry in history if entry.state is ConsentState.DENIED]
    newest_no = max(noes, default=_BEFORE_ALL)
    since = [e for e in history if e.state is not ConsentState.DENIED and e.at > newest_no and not (noes and e.undated)]
    yeses = [entry for entry in since if entry.state is ConsentState.GRANTED]
    if any(entry.holds(now, rules) for entry in yeses):
        return ConsentState.GRANTED
    if len(since) > len(yeses):
        return ConsentState.PENDING
    if yeses:
        return ConsentState.EXPIRED
    return ConsentState.DENIED if noes else None


def heard(said: Iterable[tuple[int, Entry]], address: int, left: Mapping[int, datetime]) -> list[Entry]:
    """Of what a person said under several addresses, what counts for one of them: every no, and each yes of its own.

    `said`: with the recipient id under which it was said. `left`: the addresses that a customer's own record left
    before it came to this one, and when: what was said there by then came along. What is said there afterwards did
    not: somebody else may read that mailbox. Nor does an address hear of a yes of those who were merged with it
    otherwise: two customers who move to one mailbox are one person from then on, and the yes of one is not that of the
    other.
    """
    return [e for at, e in said if e.state is ConsentState.DENIED or at == address or (at in left and e.at <= left[at])]


def added(statement: ConsentStatement, history: Sequence[Entry], now: datetime, rules: ConsentRules) -> Entry | None:
    """What the statement adds to `history`; None if that says as much already.

    A no is kept even where it repeats one, and one without a date counts from now. Of a clock a
    little ahead of ours a yes counts from now, so that no word that comes after it is older; a no keeps its date, so
    that no yes that was said before it is newer.
    """
    at = statement.at if statement.at is not None and statement.at <= now + CLOCKS_DIFFER_BY else None
    if statement.state is ConsentState.DENIED:
        return _no(at or now, history)
    if statement.state is not ConsentState.GRANTED:
        raise ValueError(f"{statement.state} follows from what was said; nobody says it")
    if at is None and history:
        return None
    undated, at = at is None, min(at or now, now)
    yes = Entry(at, ConsentState.GRANTED, statement.basis, undated, statement.expires_at)
    # What was said later cannot have been known then.
    earlier = [entry for entry in history if entry.at <= at]
    if rules.double_opt_in and statement.basis is not Basis.DOUBLE_OPT_IN:
        return _to_be_confirmed(yes, earlier, rules)
    return yes if _says_more(yes, earlier, rules) else None


def _no(at: datetime, history: Sequence[Entry]) -> Entry | None:
    """Also where it repeats one: a yes that was said between the two may still arrive."""
    known = any(entry.state is ConsentState.DENIED and entry.at == at for entry in history)
    return None if known else Entry(at, ConsentState.DENIED)


def _to_be_confirmed(yes: Entry, earlier: Sequence[Entry], rules: ConsentRules) -> Entry | None:
    """A yes of somebody who has none yet waits for their confirmation; who waits already is not asked again."""
    state = standing(earlier, yes.at, rules)
    if state is ConsentState.GRANTED:
        return yes if _says_more(yes, earlier, rules) else None
    asked = max((entry.at for entry in earlier if entry.state is ConsentState.PENDING), default=_BEFORE_ALL)
    if state is ConsentState.PENDING and yes.at < asked + ASKED_AGAIN_AFTER:
        return None
    refused_then = any(entry.state is ConsentState.DENIED and entry.at == yes.at for entry in earlier)
    return None if refused_then else Entry(yes.at, ConsentState.PENDING, yes.basis, yes.undated, yes.expires_at)


def _says_more(yes: Entry, earlier: Sequence[Entry], rules: ConsentRules) -> bool:
    """Whether a yes makes a difference, now or once an older no is heard of: a newer yes does, whatever holds."""
    if any(entry.state is ConsentState.DENIED and entry.at == yes.at for entry in earlier):
        return False
    if standing(earlier, yes.at, rules) is not ConsentState.GRANTED:
        return True
    noes = [entry.at for entry in earlier if entry.state is ConsentState.DENIED]
    held = [e for e in earlier if e.state is ConsentState.GRANTED and e.at > max(noes, default=_BEFORE_ALL)]
    return not any(entry.basis.strength >= yes.basis.strength and entry.at >= yes.at for entry in held)
