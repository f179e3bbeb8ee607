"""The replay's kept connection, on a machine so slow that the server gives it up."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from aftercart.demo.replay import Browser

ANSWER = b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture
def closing_server() -> Iterator[str]:
    """Answers one request a connection and then closes it without a word; the third connection gets no answer."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):  # the test is over
                for answer in (ANSWER, ANSWER, b"", b""):
                    connection, _ = listener.accept()
                    with connection:
                        connection.recv(65_536)
                        connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_connection_that_the_server_closed_is_opened_anew(closing_server: str) -> None:
    browser = Browser(closing_server)
    assert [browser.request("POST", "/webhooks/generic", {}, b"{}") for _ in range(2)] == [204, 204]
    with pytest.raises(ConnectionError):  # tried twice, and told
        browser.request("GET", "/", {})
    browser.close()
