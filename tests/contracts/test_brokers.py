"""The brokers that need nothing installed. RabbitMQ keeps the same promises in tests/peers/test_rabbitmq.py."""

import pytest

from tests.broker_promises import BrokerPromises


class TestInProcess(BrokerPromises):
    @pytest.fixture
    def url(self) -> str:
        return "inproc://"


class TestRedis(BrokerPromises):
    @pytest.fixture
    def url(self, redis_url: str) -> str:
        return redis_url
