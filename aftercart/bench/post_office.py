"""django-post-office, the mail queue that a Django shop would pick, drains the same mails into the same sink.

It neither decides nor recommends nor renders: its mails lie in its queue as they will leave. Run as a program of its
own, since Django is configured once in a process: `python -m aftercart.bench.post_office FOLDER PORT default|tuned`,
mails on standard input, seconds on standard output.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any

from aftercart.delivery.base import Message
from aftercart.errors import AftercartError, MissingExtraError

SETTINGS = {
    "default": {"BATCH_SIZE": 100, "THREADS_PER_PROCESS": 5},
    "tuned": {"BATCH_SIZE": 1000, "THREADS_PER_PROCESS": 10},
}
PROCESSES = {"default": 1, "tuned": 2}


def drained_per_second(kind: str, messages: Sequence[Message], port: int) -> float:
    """How many of these mails a second it sends. `kind`: default or tuned. Raises MissingExtraError."""
    if find_spec("post_office") is None:
        raise MissingExtraError("bench", "django-post-office")
    mails = [
        {
            "recipients": [message.recipient],
            "sender": message.sender,
            "subject": message.subject,
            "message": message.text,
            "html_message": message.html,
            "headers": dict(message.headers),
        }
        for message in messages
    ]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "aftercart.bench.post_office", folder, str(port), kind]
        done = subprocess.run(command, input=json.dumps(mails), capture_output=True, text=True, check=False)
    if done.returncode:
        raise AftercartError(f"django-post-office did not send: {done.stderr.strip()[-500:]}")
    return len(messages) / float(done.stdout.split()[-1])


def _drain(folder: Path, port: int, kind: str, mails: Sequence[dict[str, Any]]) -> float:
    """Queue the mails, then send them; the seconds of the sending."""
    import django
    from django.conf import settings

    settings.configure(
        SECRET_KEY="of no use here",
        USE_TZ=True,
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "post_office"],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": str(folder / "db.sqlite3"),
                "OPTIONS": {
                    "timeout": 30,
                    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
                    "transaction_mode": "IMMEDIATE",
                },
            }
        },
        EMAIL_HOST="127.0.0.1",
        EMAIL_PORT=port,
        EMAIL_BACKEND="post_office.EmailBackend",
        POST_OFFICE={
            "BACKENDS": {"default": "django.core.mail.backends.smtp.EmailBackend"},
            "LOG_LEVEL": 1,
            "LOCK_FILE_NAME": "x",
            "BATCH_DELIVERY_TIMEOUT": 600,
            **SETTINGS[kind],
        },
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        LOGGING_CONFIG=None,
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
    )
    django.setup()
    from django.core.management import call_command
    from post_office import mail
    from post_office.models import Email

    call_command("migrate", verbosity=0)
    mail.send_many(list(mails))
    start = perf_counter()
    mail.send_queued_mail_until_done(lockfile=str(folder / "lock"), processes=PROCESSES[kind])
    seconds = perf_counter() - start
    if left := Email.objects.exclude(status=0).count():
        raise AftercartError(f"{left} mails were not sent")
    return seconds


if __name__ == "__main__":
    print(_drain(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], json.load(sys.stdin)))
