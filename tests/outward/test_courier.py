import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from aftercart.outward.answer import Answer, NotToldError
from aftercart.outward.courier import Courier
from aftercart.outward.outlet import Request
from tests.outward.receiver import Receiver, receiving
from tests.ports import closed_port


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def courier() -> Iterator[Courier]:
    courier = Courier(to_loopback=True, all_s=30)
    yield courier
    courier.close()


def request(url: str) -> Request:
    return Request(url, {"webhook-id": "msg_1"}, b"{}")


def test_one_connection_carries_many_messages(receiver: Receiver, courier: Courier) -> None:
    assert [courier.post(request(receiver.url)).fault for _ in range(3)] == ["", "", ""]
    assert (len(receiver.told), receiver.connections) == (3, 1)
    assert receiver.told[0].headers["host"] == receiver.url.split("/")[2]


def test_a_kept_connection_that_the_other_side_has_closed_costs_nothing(receiver: Receiver, courier: Courier) -> None:
    receiver.answers_with(200, connection="close")
    assert [courier.post(request(receiver.url)).fault for _ in range(2)] == ["", ""]
    assert (len(receiver.told), receiver.connections) == (2, 2)


def test_a_redirect_is_a_fault_and_nobody_is_followed(receiver: Receiver, courier: Courier) -> None:
    receiver.answers_with(307, location=receiver.url.replace("/hooks", "/elsewhere"))
    assert "a redirect" in courier.post(request(receiver.url)).fault
    assert [told.path for told in receiver.told] == ["/hooks"]


def test_what_a_receiver_asks_for_is_heard(receiver: Receiver, courier: Courier) -> None:
    receiver.answers_with(429, retry_after="120")
    receiver.answers_with(503, retry_after="soon, perhaps")
    asked = [courier.post(request(receiver.url)).retry_after.total_seconds() for _ in range(2)]
    assert asked == [120, 0]


@pytest.mark.parametrize(
    "address",
    [
        *("10.0.0.1", "192.168.1.1", "169.254.169.254", "172.17.0.1", "100.64.0.1", "0.0.0.0", "224.0.0.1"),
        *("255.255.255.255", "::1", "::", "fc00::1", "fe80::1", "fe80::1%eth0"),
        *("::ffff:10.0.0.1", "::ffff:127.0.0.1", "2002:7f00:1::", "2002:a00:1::"),
    ],
)
def test_a_name_that_leads_into_our_own_network_is_not_told(address: str) -> None:
    """Also where one of its addresses is public: the next connection might go to the other."""
    courier = Courier(resolve=lambda _host, _port: ["93.184.216.34", address])
    with pytest.raises(NotToldError, match="no public address"):
        courier.post(request("https://hooks.example/"))


def test_the_connection_goes_to_the_address_that_was_looked_at(receiver: Receiver) -> None:
    """DNS that answers the second time otherwise (rebinding) is not asked a second time."""
    asked: list[str] = []

    def resolve(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"]

    courier = Courier(to_loopback=True, resolve=resolve)
    courier.post(request(receiver.url.replace("127.0.0.1", "localhost")))
    courier.close()
    assert asked == ["localhost"]
    assert receiver.told[0].headers["host"].startswith("localhost:")


def test_an_answer_that_drips_ends_with_the_time_for_all_of_it() -> None:
    with _listening() as (listener, url):
        courier = Courier(to_loopback=True, all_s=0.3)

        def drip() -> None:
            connection, _ = listener.accept()
            try:
                while True:
                    connection.send(b"H")
                    threading.Event().wait(0.05)
            except OSError:
                connection.close()

        threading.Thread(target=drip, daemon=True).start()
        with pytest.raises(NotToldError, match="took too long"):
            courier.post(request(url))
        courier.close()


def test_what_is_under_way_when_the_engine_stops_counts_as_not_told() -> None:
    with _listening() as (listener, url):
        courier = Courier(to_loopback=True)

        def stop_when_asked() -> None:
            connection, _ = listener.accept()
            with connection:
                courier.stop()

        threading.Thread(target=stop_when_asked, daemon=True).start()
        with pytest.raises(NotToldError):
            courier.post(request(url))
        with pytest.raises(NotToldError):
            courier.post(request(url))
        courier.close()


def test_nobody_is_told_behind_a_certificate_that_is_not_theirs() -> None:
    """And with one that is trusted, somebody is: the name is looked at, and the connection is secret."""
    pem = Path(__file__).parent.parent / "delivery" / "localhost.pem"
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(pem)
    with _listening() as (listener, url):

        def serve() -> None:
            for _ in range(2):
                plain, _address = listener.accept()
                try:
                    with served.wrap_socket(plain, server_side=True) as secret:
                        asked = secret.makefile("rb")
                        while asked.readline().strip():
                            pass
                        asked.read(len(b"{}"))  # unread, it would take the answer away with the connection
                        secret.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                except OSError:
                    plain.close()

        threading.Thread(target=serve, daemon=True).start()
        address = url.replace("http://127.0.0.1", "https://localhost")
        with pytest.raises(NotToldError, match="certificate"):
            Courier(to_loopback=True).post(request(address))
        trusting = Courier(to_loopback=True, trust=ssl.create_default_context(cafile=str(pem)))
        assert trusting.post(request(address)) == Answer(200)
        trusting.close()


def test_a_port_where_nobody_listens_is_said_so(courier: Courier) -> None:
    with closed_port() as port, pytest.raises(NotToldError, match="cannot be reached"):
        courier.post(request(f"http://127.0.0.1:{port}/"))


@contextmanager
def _listening() -> Iterator[tuple[socket.socket, str]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener, f"http://127.0.0.1:{listener.getsockname()[1]}/"
