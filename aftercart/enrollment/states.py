"""The states of an enrollment, and every change between them (drawn in docs/states.md)."""

from enum import StrEnum

from aftercart.transitions import Transition


class EnrollmentState(StrEnum):
    ACTIVE = "active"
    COMPLETED = "completed"
    EXITED = "exited"


_ACTIVE, _COMPLETED, _EXITED = EnrollmentState.ACTIVE, EnrollmentState.COMPLETED, EnrollmentState.EXITED

ENTER = Transition("enter", (), _ACTIVE, "an order enters a campaign")
COMPLETE = Transition("complete", (_ACTIVE,), _COMPLETED, "the last of its mails has ended")
EXIT = Transition(
    "exit",
    (_ACTIVE,),
    _EXITED,
    "its order was canceled or refunded in full, its person forgotten, or a cap ended a mail of it (`on_drop: exit`)",
)
RESTORE = Transition("restore", (_EXITED,), _ACTIVE, "the order stands again, and a mail is still worth sending")
REOPEN = Transition("reopen", (_COMPLETED,), _ACTIVE, "somebody asks for another try of a failed mail")

TRANSITIONS = (ENTER, COMPLETE, EXIT, RESTORE, REOPEN)
