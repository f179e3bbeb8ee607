"""One task per pipeline verb: ids in, one call. Everything may arrive twice, late or never.

No task retries by itself: what failed is still in the database, and the next sweep finds it there.
"""

from uuid import UUID

from aftercart.pipeline import rights as pipeline_rights
from aftercart.pipeline.incoming import ingest as pipeline_ingest
from aftercart.pipeline.learning import learn as pipeline_learn
from aftercart.pipeline.learning import survey as pipeline_survey
from aftercart.pipeline.recipients import collect as pipeline_collect
from aftercart.pipeline.recipients import confirm as pipeline_confirm
from aftercart.pipeline.sending import dispatch as pipeline_dispatch
from aftercart.pipeline.sending import doubts as pipeline_doubts
from aftercart.pipeline.sending import send as pipeline_send
from aftercart.pipeline.sending.turn import Turn
from aftercart.pipeline.traced import hand_overs_told
from aftercart.pipeline.upkeep import tell as pipeline_tell
from aftercart.pipeline.upkeep import tidy as pipeline_tidy
from workers.app import celery
from workers.training import trainer

_TURN = Turn()
"""That of the threads of this process."""


@celery.task(name="ingest")
def ingest() -> None:
    """Turn stored webhooks into orders, enrollments and planned sends; then do what people claimed by them."""
    try:
        pipeline_ingest.take_in(celery.engine)
    finally:  # whoever is to be forgotten waits for no webhook that stands in the way
        pipeline_rights.carry_out(celery.engine)


@celery.task(name="dispatch")
def dispatch() -> None:
    """Hand what has fallen due to the deliver queue, and settle what a dead worker left behind."""
    pipeline_dispatch.dispatch(celery.engine)


@celery.task(name="tidy")
def tidy() -> None:
    """Archive what is long over, and count for those who ask."""
    pipeline_tidy.tidy(celery.engine)


@celery.task(name="survey")
def survey() -> None:
    """Count how recommendations fare."""
    pipeline_survey.survey(celery.engine)


@celery.task(name="collect")
def collect() -> None:
    """Take over what has come to the bounce mailbox."""
    pipeline_collect.collect(celery.engine)


@celery.task(name="settle")
def settle() -> None:
    """Clear up what became of mails in doubt, where their provider can tell."""
    pipeline_doubts.settle_doubts(celery.engine)


@celery.task(name="tell")
def tell() -> None:
    """Tell others what happened, as far as the time allows."""
    pipeline_tell.tell(celery.engine)


@celery.task(name="deliver")
def deliver(send_ids: list[str]) -> None:
    """Decide, recommend, render and hand over one batch of sends."""
    ids = [UUID(send_id) for send_id in send_ids]
    with hand_overs_told(celery.engine, ids):
        pipeline_send.deliver(celery.engine, ids, _TURN)


@celery.task(name="confirm")
def confirm(ids: list[str]) -> None:
    """Ask people to confirm their consent."""
    pipeline_confirm.ask(celery.engine, [UUID(id_) for id_ in ids])


@celery.task(name="learn")
def learn() -> None:
    """Let bandits learn from the orders that have come since yesterday."""
    pipeline_learn.learn(celery.engine)


@celery.task(name="train")
def train() -> None:
    """Learn from the orders of the day, in a process of its own."""
    trainer.run(celery.engine.settings)
