"""The same tasks, unchanged, under `celery -A workers worker` and `celery -A workers beat`."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.fleet import each_order_is_mailed_once, fleet
from tests.mail_sink import mail_sink


class Redis:
    """A Redis server of our own."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.client = redis.Redis.from_url(url)

    def undelivered(self) -> int:
        return self.client.llen("deliver")

    def forget(self) -> None:
        self.client.flushdb()


@pytest.fixture
def broker(redis_url: str) -> Iterator[Redis]:
    opened = Redis(redis_url)
    yield opened
    opened.client.close()


def test_on_redis_and_postgresql_a_fleet_mails_each_order_once(
    tmp_path: Path, broker: Redis, postgres_url: str
) -> None:
    """T03, T05: and when the broker loses all it holds, nothing is lost."""
    with mail_sink() as sink, fleet(tmp_path, sink, broker, postgres_url) as running:
        each_order_is_mailed_once(running, sink, broker)
        assert "give `deliver` workers of its own" in running.workers[0].log
