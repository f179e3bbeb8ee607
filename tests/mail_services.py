"""Mail services as their documents describe them: what a request must look like, and what they answer to it.

One HTTP server of ours stands for all of them. It records what comes, answers in the vendor's shape, and fails in the
ways in which HTTP servers fail.
"""

import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode


@dataclass(frozen=True)
class Request:
    """A POST that came."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        return {name: values[-1] for name, values in parse_qs(self.body.decode()).items()}


@dataclass(frozen=True)
class Seen:
    """A request as its vendor understands it."""

    key: str
    to: str
    subject: str
    text: str
    html: str
    headers: Mapping[str, str]
    tags: list[str]
    metadata: Mapping[str, str]
    tracking: tuple[Any, Any] | None
    """Clicks, opens. None: the vendor's request knows no such switch."""


@dataclass(frozen=True)
class Service:
    """One vendor: the options of its URL, how it reads a request, how it answers a good one."""

    name: str
    options: Mapping[str, str]
    path: str
    read: Callable[[Request], Seen]
    takes: Callable[[Request], Any]
    """The body of its answer to a mail that it takes."""
    status: int = 200
    answer_headers: Mapping[str, str] = field(default_factory=dict)
    off: Any = False
    """What stands for tracking that is switched off."""

    def url(self, api_url: str) -> str:
        return f"esp://{self.name}?{urlencode({**self.options, 'api_url': api_url})}"


def _pairs(items: list[dict[str, str]], name: str, value: str) -> dict[str, str]:
    return {item[name]: item[value] for item in items}


def _brevo(r: Request) -> Seen:
    m = r.json
    headers = dict(m["headers"])
    metadata = json.loads(headers.pop("X-Mailin-custom"))
    return Seen(r.headers["api-key"], m["to"][0]["email"], m["subject"], m["textContent"], m["htmlContent"], headers,
                m.get("tags", []), metadata, None)  # fmt: skip


def _mailersend(r: Request) -> Seen:
    m = r.json
    return Seen(r.headers["Authorization"], m["to"][0]["email"], m["subject"], m["text"], m["html"],
                _pairs(m.get("headers", []), "name", "value"), m["tags"][:-1], {"send_id": m["tags"][-1]},
                (m["settings"]["track_clicks"], m["settings"]["track_opens"]))  # fmt: skip


def _mailgun(r: Request) -> Seen:
    m = r.form
    headers = {name[2:]: value for name, value in m.items() if name.startswith("h:")}
    metadata = {name[2:]: value for name, value in m.items() if name.startswith("v:")}
    return Seen(r.headers["Authorization"], m["to"], m["subject"], m["text"], m["html"], headers,
                [m["o:tag"]] if "o:tag" in m else [], metadata,
                (m["o:tracking-clicks"], m["o:tracking-opens"]))  # fmt: skip


def _mailjet(r: Request) -> Seen:
    m = r.json["Globals"]
    headers = m.get("Headers", {})
    if forbidden := {name.lower() for name in headers} & {"list-id", "message-id", "date", "from", "to", "subject"}:
        raise ValueError(f"Mailjet takes no header {forbidden}")
    return Seen(r.headers["Authorization"], r.json["Messages"][0]["To"][0]["Email"], m["Subject"], m["TextPart"],
                m["HTMLPart"], headers, [m["CustomCampaign"]] if "CustomCampaign" in m else [],
                json.loads(m["EventPayload"]), (m["TrackClicks"], m["TrackOpens"]))  # fmt: skip


def _mailtrap(r: Request) -> Seen:
    m = r.json
    return Seen(r.headers["Api-Token"], m["to"][0]["email"], m["subject"], m["text"], m["html"], m["headers"],
                [m["category"]] if "category" in m else [], m["custom_variables"], None)  # fmt: skip


def _mandrill(r: Request) -> Seen:
    m = r.json["message"]
    return Seen(r.json["key"], m["to"][0]["email"], m["subject"], m["text"], m["html"], m["headers"],
                m.get("tags", []), m["metadata"], (m["track_clicks"], m["track_opens"]))  # fmt: skip


def _postal(r: Request) -> Seen:
    m = r.json
    return Seen(r.headers["X-Server-API-Key"], m["to"][0], m["subject"], m["plain_body"], m["html_body"],
                m["headers"], [], {"send_id": m["tag"]}, None)  # fmt: skip


def _postmark(r: Request) -> Seen:
    m = r.json
    return Seen(r.headers["X-Postmark-Server-Token"], m["To"], m["Subject"], m["TextBody"], m["HtmlBody"],
                _pairs(m["Headers"], "Name", "Value"), [m["Tag"]] if "Tag" in m else [], m["Metadata"],
                (m["TrackLinks"], m["TrackOpens"]))  # fmt: skip


def _resend(r: Request) -> Seen:
    m = r.json
    headers = dict(m["headers"])
    metadata, tags = json.loads(headers.pop("X-Metadata")), json.loads(headers.pop("X-Tags", "[]"))
    return Seen(r.headers["Authorization"], m["to"][0], m["subject"], m["text"], m["html"], headers, tags, metadata,
                None)  # fmt: skip


def _scaleway(r: Request) -> Seen:
    m = r.json
    headers = _pairs(m["additional_headers"], "key", "value")
    metadata, tags = json.loads(headers.pop("X-Metadata")), json.loads(headers.pop("X-Tags", "[]"))
    return Seen(r.headers["X-Auth-Token"], m["to"][0]["email"], m["subject"], m["text"], m["html"], headers, tags,
                metadata, None)  # fmt: skip


def _sendgrid(r: Request) -> Seen:
    m = r.json
    content = _pairs(m["content"], "type", "value")
    args = {**m.get("custom_args", {}), **m["personalizations"][0].get("custom_args", {})}
    tracking = m["tracking_settings"]
    return Seen(r.headers["Authorization"], m["personalizations"][0]["to"][0]["email"], m["subject"],
                content["text/plain"], content["text/html"], m["headers"], m.get("categories", []), args,
                (tracking["click_tracking"]["enable"], tracking["open_tracking"]["enable"]))  # fmt: skip


def _sparkpost(r: Request) -> Seen:
    m = r.json
    content, options = m["content"], m["options"]
    return Seen(r.headers["Authorization"], m["recipients"][0]["address"]["email"], content["subject"],
                content["text"], content["html"], content["headers"],
                [m["campaign_id"]] if "campaign_id" in m else [], m["metadata"],
                (options["click_tracking"], options["open_tracking"]))  # fmt: skip


def _unisender_go(r: Request) -> Seen:
    m = r.json["message"]
    headers = {name: value for name, value in m["headers"].items() if name != "to"}
    return Seen(r.headers["X-API-KEY"], m["recipients"][0]["email"], m["subject"], m["body"]["plaintext"],
                m["body"]["html"], headers, m.get("tags", []), m["global_metadata"],
                (m["track_links"], m["track_read"]))  # fmt: skip


def _ses(r: Request) -> Seen:
    import base64

    m = r.json
    mail = message_from_bytes(base64.b64decode(m["Content"]["Raw"]["Data"]), EmailMessage, policy=policy.default)
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    tags = [tag["Value"] for tag in m.get("EmailTags", [])]
    return Seen(r.headers["Authorization"], m["Destination"]["ToAddresses"][0], str(mail["Subject"]),
                text.get_content(), html.get_content(), {k: str(v) for k, v in mail.items()}, tags,
                json.loads(str(mail["X-Metadata"])), None)  # fmt: skip


SERVICES = [
    Service("brevo", {"api_key": "KEY"}, "/smtp/email", _brevo,
            lambda _: {"messageId": "<202611260700.1@smtp-relay.mailin.fr>"}, status=201),
    Service("mailersend", {"api_token": "KEY"}, "/email", _mailersend, lambda _: "", status=202,
            answer_headers={"X-Message-Id": "5e42957d51f1d94a1070a733", "Content-Type": "text/html"}),
    Service("mailgun", {"api_key": "KEY"}, "/example.com/messages", _mailgun,
            lambda _: {"id": "<20261126070000.1@example.com>", "message": "Queued. Thank you."}, off="no"),
    Service("mailjet", {"api_key": "KEY", "secret_key": "SECRET"}, "/send", _mailjet,
            lambda r: {"Messages": [{"Status": "success", "To": [{
                "Email": _mailjet(r).to, "MessageUUID": "123", "MessageID": 456, "MessageHref": "https://..."}]}]},
            off="disabled"),
    Service("mailtrap", {"api_token": "KEY"}, "/send", _mailtrap,
            lambda _: {"success": True, "message_ids": ["0c7fd939-02cf-11ed-88c2-0a58a9feac02"]}),
    Service("mandrill", {"api_key": "KEY"}, "/messages/send.json", _mandrill,
            lambda r: [{"email": _mandrill(r).to, "status": "queued", "_id": "abc123", "reject_reason": None}]),
    Service("postal", {"api_key": "KEY"}, "/api/v1/send/message", _postal,
            lambda r: {"status": "success", "time": 0.02, "flags": {}, "data": {
                "message_id": "x@rp.postal", "messages": {_postal(r).to: {"id": 1503, "token": "t0k3n"}}}}),
    Service("postmark", {"server_token": "KEY"}, "/email", _postmark,
            lambda r: {"To": _postmark(r).to, "SubmittedAt": "2026-11-26T07:00:00-05:00", "ErrorCode": 0,
                       "MessageID": "b7bc2f4a-e38e-4336-af7d-e6c392c2f817", "Message": "OK"}, off=("None", False)),
    Service("resend", {"api_key": "KEY"}, "/emails", _resend,
            lambda _: {"id": "49a3999c-0ce1-4ea6-ab68-afcd6dc2e794"}),
    Service("scaleway", {"secret_key": "KEY", "project_id": "P"}, "/emails", _scaleway,
            lambda r: {"emails": [{"id": "5cd1c9c4", "mail_rcpt": _scaleway(r).to, "status": "new"}]}),
    Service("sendgrid", {"api_key": "KEY"}, "/mail/send", _sendgrid, lambda _: "", status=202),
    Service("ses", {"region_name": "eu-west-1", "aws_access_key_id": "KEY", "aws_secret_access_key": "S"},
            "/v2/email/outbound-emails", _ses, lambda _: {"MessageId": "010001"}),
    Service("sparkpost", {"api_key": "KEY"}, "/transmissions/", _sparkpost,
            lambda _: {"results": {"total_rejected_recipients": 0, "total_accepted_recipients": 1, "id": "11"}}),
    Service("unisender_go", {"api_key": "KEY"}, "/email/send.json", _unisender_go,
            lambda r: {"status": "success", "job_id": "1ZymBc-00041N-9X", "emails": [_unisender_go(r).to]}, off=0),
]  # fmt: skip
BY_NAME = {service.name: service for service in SERVICES}


@dataclass(frozen=True)
class Says:
    """An answer out of the ordinary."""

    status: int
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


HANGS_UP = "hangs up after the request"
TAKES_IT_SILENTLY = "takes the mail and hangs up"
SILENT = "takes the request and does not answer"

Fault = Says | str


class FakeService:
    """A vendor that is up. `next`: faults for the requests to come, first things first."""

    def __init__(self, service: Service, certificate: Path | None = None) -> None:
        self.service, self._scheme = service, "https" if certificate else "http"
        self.requests: list[Request] = []
        self.next: list[Fault] = []
        self.desk: dict[str, Says] = {}
        """What is answered to questions, by the path; `*`: to all others."""
        self.answers: list[Says] = []
        """What is answered to the questions to come, whatever they are, first things first."""
        self.questions: list[Request] = []
        self._known: dict[str, bytes] = {}
        self.connections = 0
        self.quiet = threading.Event()
        """Set at the end, so that a silent request does not hold up the test."""
        self.is_silent = threading.Event()
        """Set once it has taken a request that it does not answer."""
        self.has_taken = threading.Semaphore(0)
        """Released with each mail."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        if certificate:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(certificate)
            # The handshake belongs into the thread of its connection, and may fail there.
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def api_url(self) -> str:
        return f"{self._scheme}://localhost:{self._server.server_address[1]}/"

    @property
    def url(self) -> str:
        return self.service.url(self.api_url)

    @property
    def seen(self) -> list[Seen]:
        return [self.service.read(request) for request in self.requests]

    @property
    def mails(self) -> int:
        """How many were sent on: one that was given twice under the same key is sent once."""
        return len(self._known)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.quiet.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                fake.connections += 1
                super().setup()

            def handle(self) -> None:
                with suppress(ssl.SSLError, ConnectionError):  # a client that does not trust us hangs up
                    super().handle()

            def do_GET(self) -> None:  # the library's name
                self._answer_question(self._request())

            def _request(self) -> Request:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                return Request(self.path, self.headers, body)  # type: ignore[arg-type]  # it looks names up alike

            def _answer_question(self, request: Request) -> None:
                fake.questions.append(request)
                at_desk = fake.desk.get(self.path.partition("?")[0]) or fake.desk.get("*", Says(404))
                said = fake.answers.pop(0) if fake.answers else at_desk
                self._say(said.status, said.body, {"Content-Type": "application/json", **said.headers})

            def do_POST(self) -> None:  # the library's name
                request = self._request()
                if fake.desk and self.path != fake.service.path:
                    self._answer_question(request)
                    return
                fault = fake.next.pop(0) if fake.next else None
                if fault == HANGS_UP:
                    self.close_connection = True
                    return
                if fault == SILENT:
                    fake.is_silent.set()
                    fake.quiet.wait()
                    self.close_connection = True
                    return
                if isinstance(fault, Says):
                    self._say(fault.status, fault.body, {"Content-Type": "application/json", **fault.headers})
                    return
                fake.requests.append(request)
                fake.has_taken.release()
                key = _key_of(request) or f"none {len(fake.requests)}"
                if fake._known.setdefault(key, request.body) != request.body:
                    self._say(409, '{"name": "invalid_idempotent_request"}', {})
                elif fault == TAKES_IT_SILENTLY:
                    self.close_connection = True
                else:
                    self._say_yes(request)

            def _say_yes(self, request: Request) -> None:
                service = fake.service
                if self.path != service.path:
                    self._say(404, json.dumps({"message": f"not found: {self.path}"}), {})
                    return
                answer = service.takes(request)
                body = answer if isinstance(answer, str) else json.dumps(answer)
                self._say(service.status, body, {"Content-Type": "application/json", **service.answer_headers})

            def _say(self, status: int, body: str, headers: Mapping[str, str]) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body.encode())))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


def _key_of(request: Request) -> str | None:
    """By which a vendor knows a mail again."""
    if key := request.headers.get("Idempotency-Key"):
        return key
    return request.json["headers"]["idempotencyKey"] if b"idempotencyKey" in request.body else None


@contextmanager
def fake_service(name: str, certificate: Path | None = None) -> Iterator[FakeService]:
    """`certificate`: a file with one for localhost and its key; then it speaks TLS."""
    fake = FakeService(BY_NAME[name], certificate)
    fake.start()
    try:
        yield fake
    finally:
        fake.stop()
