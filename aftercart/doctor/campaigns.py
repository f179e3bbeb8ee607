"""Would `aftercart check` have something to say, and is there a campaign at all?"""

from collections.abc import Iterator, Sequence

from aftercart.campaigns.fault import Fault, Severity
from aftercart.campaigns.loader import Inspection
from aftercart.doctor.finding import Finding, fault, fine, warn
from aftercart.quantity import counted

CAMPAIGNS = "campaigns"
CHECK = "`aftercart check` says how to mend each"


def check_campaigns(inspection: Inspection, faults: Sequence[Fault]) -> Iterator[Finding]:
    """`faults`: all that `aftercart check` finds."""
    errors = [one for one in faults if one.severity is Severity.ERROR]
    warnings = [one for one in faults if one.severity is Severity.WARNING]
    active, paused = _of_status(inspection, "active"), _of_status(inspection, "paused")
    if errors:
        yield fault(CAMPAIGNS, f"{counted(len(errors), 'error')}, the first: {errors[0]}", CHECK)
    if inspection.brand_file and inspection.brand_file.value.paused:
        yield warn(CAMPAIGNS, "all sending is switched off (`paused` in the brand file)", "take it out to go on")
    if paused:
        found = f"paused: {', '.join(paused)}; what is planned waits until it expires"
        yield warn(CAMPAIGNS, found, "set `status: active` to go on, `status: draft` to cancel it")
    if not active:
        yield warn(CAMPAIGNS, "none is active, so nobody gets mail", "set `status: active` in one")
    elif not errors:
        also = f"; {counted(len(warnings), 'warning')} of `aftercart check`" if warnings else ""
        yield fine(CAMPAIGNS, f"active: {', '.join(active)}{also}")


def _of_status(inspection: Inspection, status: str) -> list[str]:
    return [file.value.campaign for file in inspection.campaign_files if file.value.status == status]
