"""The same tasks, unchanged, under `celery -A workers worker` and `celery -A workers beat`."""

from pathlib import Path

import redis

from tests.fleet import each_order_is_mailed_once, fleet
from tests.mail_sink import mail_sink


def test_on_redis_and_postgresql_two_workers_mail_each_order_once(
    tmp_path: Path, redis_url: str, postgres_url: str
) -> None:
    """T03, T05: and when the broker loses all it holds, nothing is lost."""
    with mail_sink() as sink, fleet(tmp_path, sink, redis_url, postgres_url) as (shop, processes):
        with redis.Redis.from_url(redis_url) as broker:
            broker.flushdb()
        each_order_is_mailed_once(shop, sink, processes)
