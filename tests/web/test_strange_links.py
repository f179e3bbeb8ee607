"""Whatever stands in an address and whatever is posted to it: nothing changes, nothing breaks, nothing is told."""

import string
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftercart.ids import new_id
from aftercart.tracking.tokens import PATHS, Purpose, TokenSigner
from tests.cast import ADA
from tests.web.reader import Reader, reading

DOORS = [path.strip("/") for path in PATHS.values()]
KINDS = [kind for kind in DOORS if kind not in {PATHS[other].strip("/") for other in (Purpose.CONFIRM, Purpose.OPEN)}]
"""Those to which a mail about an order leads. (Nothing leads to the picture that counts opens; it is loaded.)"""
SAFE = string.ascii_letters + string.digits + "-_."
METHODS = ["GET", "HEAD", "POST"]


@pytest.fixture(scope="module")
def ada(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    with reading(tmp_path_factory.mktemp("ada"), {**ADA, "locale": "en"}) as reader:
        yield reader


@pytest.fixture(scope="module")
def tokens(ada: Reader) -> dict[str, str]:
    """The real token of each kind of page."""
    return {kind: ada.path(kind).rpartition("/")[2] for kind in KINDS}


def page_of(text: str) -> str:
    """Without the style, whose nonce is another one each time."""
    return text.partition("</style>")[2]


@settings(max_examples=60)
@given(data=st.data())
def test_an_altered_token_opens_nothing_and_changes_nothing(
    ada: Reader, tokens: dict[str, str], data: st.DataObject
) -> None:
    """T40: one character more, less or other."""
    token = tokens[data.draw(st.sampled_from(KINDS))]
    at = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.sampled_from(SAFE))
    changed = data.draw(
        st.sampled_from(
            [
                token[:at] + letter + token[at + 1 :],
                token[:at],
                token[:at] + token[at + 1 :],
                token[:at] + letter + token[at:],
            ]
        )
    )
    if changed in tokens.values() or not changed:
        return
    kind, method = data.draw(st.sampled_from(KINDS)), data.draw(st.sampled_from(METHODS))
    before = ada.said()
    answer = ada.client.request(method, f"/{kind}/{changed}", data={"answer": "leave"} if method == "POST" else None)
    assert answer.status_code in (404, 405)
    assert ada.said() == before


def test_a_token_is_good_for_no_other_page(ada: Reader, tokens: dict[str, str]) -> None:
    before = ada.said()
    for kind in KINDS:
        for other, token in tokens.items():
            if other != kind:
                for method in METHODS:
                    assert ada.client.request(method, f"/{kind}/{token}").status_code in (404, 405), (kind, other)
    assert ada.said() == before


@pytest.mark.parametrize(
    "path", ["/{kind}/{token}/", "/{kind}/nonsense/", "//evil.example/{kind}/{token}", "/{kind}//"]
)
def test_whoever_names_another_host_is_not_led_there(ada: Reader, tokens: dict[str, str], path: str) -> None:
    """T40: an address with a slash too many was answered by a redirect to the host that the request named."""
    for kind, token in tokens.items():
        asked = ada.client.build_request("GET", ada.client.base_url, headers={"Host": "evil.example"})
        asked.url = asked.url.copy_with(raw_path=path.format(kind=kind, token=token).encode())
        answer = ada.client.send(asked, follow_redirects=False)
        assert (answer.status_code, "location" in answer.headers) == (404, False)


def test_a_stranger_learns_nothing_about_who_is_known(ada: Reader) -> None:
    """A token that we did not sign, one for somebody who is gone, and one for another's mail get the same answer."""
    signer, foreign = ada.app.tokens, TokenSigner(["f" * 32])
    known = signer.read_page(Purpose.PREFERENCES, ada.path("p").rpartition("/")[2])
    for purpose in (Purpose.PREFERENCES, Purpose.VIEW, Purpose.WHY, Purpose.UNSUBSCRIBE):
        paths = [
            foreign.page(purpose, *known),
            signer.page(purpose, 4711, known[1]),
            signer.page(purpose, 2**31 - 1, new_id()),
            "nonsense",
        ]
        if purpose in (Purpose.VIEW, Purpose.WHY):
            paths.append(signer.page(purpose, known[0] - 1, known[1]))  # somebody else, of a mail that is not theirs
        answers = [ada.client.get(PATHS[purpose] + path) for path in paths]
        assert {answer.status_code for answer in answers} == {404}
        assert len({page_of(answer.text) for answer in answers}) == 1
    for purpose in (Purpose.LESS, Purpose.HAVE):
        for token in (signer.pick(purpose, known[0] - 1, known[1], 1), signer.pick(purpose, *known, 60_000)):
            for method in ("GET", "POST"):
                assert ada.client.request(method, PATHS[purpose] + token).status_code == 404


@settings(max_examples=40)
@given(
    kind=st.sampled_from(DOORS),
    path=st.text(max_size=60),
    method=st.sampled_from([*METHODS, "PUT", "OPTIONS"]),
    body=st.one_of(st.binary(max_size=300), st.text(SAFE + "&=%+[]:", max_size=300).map(str.encode)),
    language=st.text(string.ascii_letters + string.digits + string.punctuation + " \t", max_size=40),
)
def test_nothing_that_is_asked_or_posted_breaks_a_door(
    ada: Reader, kind: str, path: str, method: str, body: bytes, language: str
) -> None:
    headers = {"Accept-Language": language.strip()}
    before = ada.said()
    answer = ada.client.request(method, f"/{kind}/{quote(path, safe='')}", content=body, headers=headers)
    assert answer.status_code < 500
    assert ada.said() == before


@settings(max_examples=40)
@given(
    kind=st.sampled_from([kind for kind in KINDS if kind not in ("c", "v", "w")]),
    body=st.one_of(st.binary(max_size=300), st.text(SAFE + "&=%+[]:", max_size=300).map(str.encode)),
)
def test_nothing_that_is_posted_with_a_good_token_breaks_a_door(
    ada: Reader, tokens: dict[str, str], kind: str, body: bytes
) -> None:
    assert ada.client.post(f"/{kind}/{tokens[kind]}", content=body).status_code == 200
