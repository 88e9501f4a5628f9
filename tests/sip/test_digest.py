"""Digest: the vectors of RFC 2617 and RFC 7616, the client's rules, the server's nonces."""

from __future__ import annotations

import random
import re

import pytest
from tests.support.sip_messages import request_of

from hookflash.base.ids import Ids
from hookflash.sip.digest import (
    MAX_CREDENTIALS,
    NONCE_TRIES,
    Accepted,
    Algorithm,
    Challenged,
    Denied,
    DigestClient,
    DigestServer,
    digest_response,
)
from hookflash.sip.fields import Credentials
from hookflash.sip.message import Request, Response

SECRET = "correct horse"
REALM = "hookflash"


def ids() -> Ids:
    return Ids(random.Random(1))


# --- vectors ------------------------------------------------------------------------------------


def test_rfc_2617() -> None:
    response = digest_response(
        "MD5",
        username="Mufasa",
        realm="testrealm@host.com",
        password="Circle Of Life",
        method="GET",
        uri="/dir/index.html",
        nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093",
        qop="auth",
        nc="00000001",
        cnonce="0a4f113b",
    )
    assert response == "6629fae49393a05397450978507c4ef1"


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_rfc_7616(algorithm: Algorithm, expected: str) -> None:
    response = digest_response(
        algorithm,
        username="Mufasa",
        realm="http-auth@example.org",
        password="Circle of Life",
        method="GET",
        uri="/dir/index.html",
        nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        qop="auth",
        nc="00000001",
        cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    )
    assert response == expected


def test_rfc_2069_without_qop() -> None:
    # The erratum of RFC 2069's own example.
    response = digest_response(
        "MD5",
        username="Mufasa",
        realm="testrealm@host.com",
        password="CircleOfLife",
        method="GET",
        uri="/dir/index.html",
        nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093",
    )
    assert response == "1949323746fe6a43ef61f9606e7febea"


# --- client -------------------------------------------------------------------------------------


def client(username: str = "alice") -> DigestClient:
    return DigestClient(username, SECRET, ids())


def answered(digest: DigestClient, response: Response) -> list[tuple[str, str]] | None:
    """The credentials of the next REFER, or None where the client gives up."""
    if not digest.challenged(response):
        return None
    return digest.credentials("REFER", REFER_URI)


def challenged(*challenges: str, proxy: bool = True) -> Response:
    name = "Proxy-Authenticate" if proxy else "WWW-Authenticate"
    return Response(407 if proxy else 401, headers=[(name, value) for value in challenges])


def offer(realm: str = "r", nonce: str = "n1", more: str = ', qop="auth"') -> str:
    return f'Digest realm="{realm}", nonce="{nonce}"{more}'


REFER_URI = "sip:caller@198.51.100.7"


def credentials(answer: list[tuple[str, str]] | None) -> list[Credentials]:
    assert answer is not None
    return [Credentials.parse(value) for _, value in answer]


def right(given: Credentials, algorithm: Algorithm = "MD5", method: str = "REFER") -> bool:
    def value(name: str) -> str:
        return given.param(name) or ""

    return value("response") == digest_response(
        algorithm,
        username=value("username"),
        realm=value("realm"),
        password=SECRET,
        method=method,
        uri=REFER_URI,
        nonce=value("nonce"),
        qop=given.param("qop"),
        nc=value("nc"),
        cnonce=value("cnonce"),
    )


@pytest.mark.parametrize(
    ("proxy", "name"), [(True, "Proxy-Authorization"), (False, "Authorization")]
)
def test_a_challenge_is_answered(proxy: bool, name: str) -> None:
    response = challenged(offer(more=', opaque="o", qop="auth,auth-int"'), proxy=proxy)
    answer = answered(client(), response)
    (given,) = credentials(answer)
    assert answer is not None
    assert [header for header, _ in answer] == [name]
    assert right(given)
    assert given.param("uri") == REFER_URI
    assert (given.param("qop"), given.param("nc")) == ("auth", "00000001")
    assert given.param("opaque") == "o"
    assert len(given.param("cnonce") or "") == 16


def test_without_qop_the_old_form_is_used() -> None:
    (given,) = credentials(answered(client(), challenged(offer(more=""))))
    assert right(given)
    assert given.param("qop") is None
    assert given.param("nc") is None
    assert given.param("opaque") is None


def test_the_first_known_algorithm_counts() -> None:
    response = challenged(
        offer(nonce="a", more=', algorithm=SHA-512-256, qop="auth"'),
        offer(nonce="b", more=', algorithm=sha-256, qop="auth"'),
        offer(nonce="c", more=', algorithm=MD5, qop="auth"'),
    )
    (given,) = credentials(answered(client(), response))
    assert (given.param("nonce"), given.param("algorithm")) == ("b", "SHA-256")
    assert right(given, "SHA-256")


def test_all_realms_of_one_answer_together() -> None:
    response = challenged(offer("a"), offer("b"))
    response.headers.add("WWW-Authenticate", offer("c"))
    answer = answered(client(), response)
    assert {given.param("realm") for given in credentials(answer)} == {"a", "b", "c"}
    assert answer is not None
    assert sorted(name for name, _ in answer) == [
        "Authorization",
        "Proxy-Authorization",
        "Proxy-Authorization",
    ]


def test_earlier_realms_stay_with_a_higher_count() -> None:
    digest = client()
    answered(digest, challenged(offer("a")))
    first, second = credentials(answered(digest, challenged(offer("b"))))
    assert (first.param("realm"), first.param("nc")) == ("a", "00000002")
    assert (second.param("realm"), second.param("nc")) == ("b", "00000001")
    assert right(first)


def test_a_realm_is_tried_once_unless_stale() -> None:
    digest = client()
    assert answered(digest, challenged(offer())) is not None
    stale = challenged(offer(nonce="n2", more=', stale=TRUE, qop="auth"'))
    (given,) = credentials(answered(digest, stale))
    assert given.param("nonce") == "n2"
    assert answered(digest, challenged(offer(nonce="n3"))) is None
    assert digest.refusal == "the credentials were not accepted"


def test_five_challenges_at_most() -> None:
    digest = client()
    stale = challenged(offer(more=', stale=true, qop="auth"'))
    assert all(answered(digest, stale) is not None for _ in range(5))
    assert answered(digest, stale) is None
    assert digest.refusal == "too many challenges"


@pytest.mark.parametrize(
    ("challenge", "why"),
    [
        (offer(more=', qop="auth-int"'), "qop auth-int is not supported"),
        (offer(more=", algorithm=MD5-sess"), "no known digest algorithm"),
        ('Basic realm="x"', "no digest challenge"),
        ("Digest realm=", "no digest challenge"),
        ('Digest realm="r"', "no digest challenge"),
    ],
)
def test_what_cannot_be_answered_is_said(challenge: str, why: str) -> None:
    digest = client()
    assert answered(digest, challenged(challenge)) is None
    assert digest.refusal == why


def test_a_realm_that_cannot_be_answered_is_passed_over_for_another() -> None:
    digest = client()
    strange = offer("strange", more=", algorithm=SHA-512-256")
    (given,) = credentials(answered(digest, challenged(strange, offer("r"))))
    assert given.param("realm") == "r"
    assert answered(digest, challenged(strange)) is None
    assert digest.refusal == "no known digest algorithm"


def test_what_was_answered_goes_with_the_next_request_too() -> None:
    digest = client()
    assert digest.credentials("REFER", REFER_URI) == []
    answered(digest, challenged(offer()))
    (given,) = credentials(digest.credentials("REFER", REFER_URI))
    assert given.param("nc") == "00000002"
    assert right(given)


def test_credentials_that_let_a_request_pass_may_be_asked_for_again() -> None:
    digest = client()
    answered(digest, challenged(offer(nonce="n1")))
    digest.passed()
    (given,) = credentials(answered(digest, challenged(offer(nonce="n2"))))
    assert given.param("nonce") == "n2"
    assert answered(digest, challenged(offer(nonce="n3"))) is None


def test_auth_int_is_passed_over_for_another_challenge() -> None:
    response = challenged(
        offer(nonce="a", more=', qop="auth-int"'), offer(nonce="b", more=', qop="auth"')
    )
    (given,) = credentials(answered(client(), response))
    assert given.param("nonce") == "b"


def test_quotes_in_names_are_escaped() -> None:
    response = challenged('Digest realm="a \\"b\\" c", nonce="n", qop="auth"')
    answer = answered(client('al"ice'), response)
    assert answer is not None
    assert 'username="al\\"ice"' in answer[0][1]
    assert 'realm="a \\"b\\" c"' in answer[0][1]
    assert right(credentials(answer)[0])


def test_no_secret_in_repr_or_refusal() -> None:
    digest = client()
    answered(digest, challenged(offer()))
    answered(digest, challenged(offer()))
    assert SECRET not in repr(digest) + digest.refusal
    assert "alice" not in repr(digest)


# --- server -------------------------------------------------------------------------------------


def server(*algorithms: Algorithm) -> DigestServer:
    return DigestServer(b"key", ids(), algorithms=algorithms or ("MD5",))


def tried(
    challenge: str,
    *,
    password: str = SECRET,
    username: str = "alice",
    header: str = "Proxy-Authorization",
    client_of: DigestClient | None = None,
) -> Request:
    request = request_of("INVITE")
    digest = client_of or DigestClient(username, password, ids())
    assert digest.challenged(challenged(challenge))
    for _, value in digest.credentials(request.method, request.uri_text):
        request.headers.add(header, value)
    return request


def check(
    target: DigestServer, now: float, request: Request, password: str = SECRET
) -> Accepted | Challenged | Denied:
    return target.check(now, request, "INVITE", "alice", password, REALM)


def rewritten(request: Request, pattern: str, by: str) -> Request:
    text = request.header("Proxy-Authorization") or ""
    changed, count = re.subn(pattern, by, text)
    assert count == 1
    request.headers.set("Proxy-Authorization", changed)
    return request


def signed(
    nonce: str,
    *,
    qop: str = "auth",
    count: str = "00000001",
    cnonce: str = "c",
    uri: str = "sip:x",
    uri_text: str = "",
) -> Request:
    """Right credentials for any nonce."""
    request = request_of("INVITE")
    request.uri_text = uri_text or request.uri_text
    response = digest_response(
        "MD5",
        username="alice",
        realm=REALM,
        password=SECRET,
        method="INVITE",
        uri=uri,
        nonce=nonce,
        qop=qop or None,
        nc=count,
        cnonce=cnonce,
    )
    text = (
        f'Digest username="alice", realm="{REALM}", nonce="{nonce}", uri="{uri}", '
        f'response="{response}"'
    )
    if qop:
        text += f', qop={qop}, nc={count}, cnonce="{cnonce}"'
    request.headers.add("Proxy-Authorization", text)
    return request


def nonce_of(challenge: str) -> str:
    found = re.search(r'nonce="([^"]+)"', challenge)
    assert found is not None
    return found[1]


def test_no_credentials_ask_for_some() -> None:
    assert check(server(), 0.0, request_of("INVITE")) == Challenged(stale=False)


def test_a_challenge_says_everything() -> None:
    (challenge,) = server().challenge(100.0, REALM)
    for part in (f'realm="{REALM}"', "algorithm=MD5", 'qop="auth"', 'opaque="'):
        assert part in challenge
    assert "stale" not in challenge
    (stale,) = server().challenge(100.0, REALM, stale=True)
    assert stale.endswith("stale=true")


@pytest.mark.parametrize("algorithms", [("SHA-256", "MD5"), ("MD5", "SHA-256")])
def test_the_strongest_algorithm_comes_first(algorithms: tuple[Algorithm, Algorithm]) -> None:
    first, second = server(*algorithms).challenge(100.0, REALM)
    assert "algorithm=SHA-256" in first
    assert "algorithm=MD5" in second
    assert nonce_of(first) == nonce_of(second)


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
@pytest.mark.parametrize("header", ["Authorization", "Proxy-Authorization"])
def test_right_credentials(algorithm: Algorithm, header: str) -> None:
    target = server(algorithm)
    (challenge,) = target.challenge(100.0, REALM)
    request = tried(challenge, header=header)
    assert check(target, 101.0, request) == Accepted("alice")


@pytest.mark.parametrize("change", [{"password": "wrong"}, {"username": "bob"}])
def test_wrong_credentials(change: dict[str, str]) -> None:
    target = server()
    (challenge,) = target.challenge(100.0, REALM)
    outcome = check(target, 101.0, tried(challenge, **change))  # type: ignore[arg-type]
    assert isinstance(outcome, Denied)
    assert SECRET not in outcome.reason


@pytest.mark.parametrize(
    ("pattern", "by"),
    [
        ("algorithm=MD5", "algorithm=SHA-256"),
        ("algorithm=MD5", "algorithm=MD5-sess"),
        ("qop=auth", "qop=auth-int"),
        ("nc=00000001", "nc=1"),
        ("nc=00000001", "nc=0000000z"),
        ("nc=00000001", "nc=00000000"),
        ('cnonce="[^"]*"', 'cnonce=""'),
        ('uri="[^"]*"', 'uri="sip:elsewhere"'),
        ('response="[^"]*"', 'response="\udcff"'),
        (' response="[^"]*",', ""),
    ],
)
def test_credentials_that_were_not_asked_for(pattern: str, by: str) -> None:
    target = server()
    (challenge,) = target.challenge(100.0, REALM)
    assert isinstance(check(target, 101.0, rewritten(tried(challenge), pattern, by)), Denied)


def test_an_old_nonce_is_stale_and_no_failed_try() -> None:
    target = server()
    (challenge,) = target.challenge(100.0, REALM)
    assert check(target, 400.0, tried(challenge)) == Challenged(stale=True)
    assert check(target, 399.9, tried(challenge)) == Accepted("alice")
    (challenge,) = target.challenge(100.0, REALM)
    assert check(target, 99.0, tried(challenge)) == Challenged(stale=True)


def test_an_old_nonce_with_a_wrong_password_is_a_failed_try() -> None:
    target = server()
    (challenge,) = target.challenge(100.0, REALM)
    assert isinstance(check(target, 500.0, tried(challenge, password="x")), Denied)


@pytest.mark.parametrize("nonce", ["", "x", "1.2.3", "\udcff", "63.a." + "0" * 32])
def test_a_nonce_of_another_is_stale(nonce: str) -> None:
    assert check(server(), 100.0, signed(nonce)) == Challenged(stale=True)
    (challenge,) = DigestServer(b"other", ids()).challenge(100.0, REALM)
    assert check(server(), 100.0, signed(nonce_of(challenge))) == Challenged(stale=True)


def test_the_nonce_count_must_rise() -> None:
    target = server()
    (challenge,) = target.challenge(100.0, REALM)
    nonce = nonce_of(challenge)
    assert check(target, 101.0, signed(nonce, count="00000002")) == Accepted("alice")
    assert check(target, 102.0, signed(nonce, count="00000002")) == Challenged(stale=True)
    assert check(target, 103.0, signed(nonce, count="00000001")) == Challenged(stale=True)
    assert check(target, 104.0, signed(nonce, count="0000000A")) == Accepted("alice")


def test_a_wrong_try_does_not_use_up_the_count() -> None:
    target = server()
    (challenge,) = target.challenge(100.0, REALM)
    assert isinstance(check(target, 101.0, tried(challenge, password="x")), Denied)
    assert check(target, 102.0, tried(challenge)) == Accepted("alice")


def test_without_qop_a_nonce_is_good_once() -> None:
    target = server()
    (challenge,) = target.challenge(100.0, REALM)
    request = signed(nonce_of(challenge), qop="")
    assert check(target, 101.0, request) == Accepted("alice")
    assert check(target, 102.0, request) == Challenged(stale=True)


def test_a_count_that_nothing_signs_does_not_make_a_nonce_good_again() -> None:
    target = server()
    (challenge,) = target.challenge(100.0, REALM)
    request = signed(nonce_of(challenge), qop="")
    assert check(target, 101.0, request) == Accepted("alice")
    replayed = rewritten(request, '", response', '", nc=00000002, response')
    assert check(target, 102.0, replayed) == Challenged(stale=True)


@pytest.mark.parametrize(
    ("uri", "right"),
    [
        ("sip:+1555@h", True),
        ("sip:1555@another.example:5070;transport=tcp", True),
        ("tel:+1-555", True),
        ("sip:h", True),
        ("sip:+1556@h", False),
        ("", False),
        ("no uri", False),
    ],
)
def test_the_uri_of_the_digest_names_whom_the_request_calls(uri: str, right: bool) -> None:
    target = server()
    (challenge,) = target.challenge(100.0, REALM)
    request = signed(nonce_of(challenge), uri=uri, uri_text="sip:+1555@h")
    outcome = check(target, 101.0, request)
    assert isinstance(outcome, Accepted if right else Denied)


def test_credentials_for_others_are_passed_over() -> None:
    target = server()
    (challenge,) = target.challenge(100.0, REALM)
    request = tried(challenge.replace(REALM, "elsewhere"))
    assert check(target, 101.0, request) == Challenged()
    request.headers.add("Authorization", "Basic abc")
    request.headers.add("Authorization", "Digest broken")
    assert check(target, 101.0, request) == Challenged()
    good = tried(challenge).header("Proxy-Authorization") or ""
    request.headers.add("Authorization", good)
    assert check(target, 101.0, request) == Accepted("alice")


def test_one_right_answer_among_wrong_ones_is_enough() -> None:
    target = server()
    (challenge,) = target.challenge(100.0, REALM)
    request = tried(challenge, password="wrong")
    good = tried(challenge).header("Proxy-Authorization") or ""
    request.headers.add("Authorization", good)
    assert check(target, 101.0, request) == Accepted("alice")


def test_used_nonces_are_forgotten_when_they_are_old() -> None:
    target = server()
    for number in range(10):
        now = 100.0 + number
        (challenge,) = target.challenge(now, REALM)
        assert check(target, now, tried(challenge)) == Accepted("alice")
    assert len(target._counts) == 10
    (challenge,) = target.challenge(1000.0, REALM)
    check(target, 1000.0, tried(challenge))
    assert len(target._counts) == 1


def guess(target: DigestServer, challenge: str, now: float = 101.0) -> object:
    return check(target, now, tried(challenge, password="x"))


def test_a_nonce_wears_out_by_wrong_answers() -> None:
    target = server()
    (challenge,) = target.challenge(100.0, REALM)
    for _ in range(NONCE_TRIES):
        assert isinstance(guess(target, challenge), Denied)
    assert guess(target, challenge) == Challenged(stale=True)
    assert check(target, 101.0, tried(challenge)) == Challenged(stale=True)
    (fresh,) = target.challenge(101.0, REALM, stale=True)
    assert check(target, 102.0, tried(fresh)) == Accepted("alice")


def test_an_answer_to_a_nonce_of_another_is_not_judged() -> None:
    """Or whoever invents nonces would learn from `stale` that his guess is right."""
    (challenge,) = DigestServer(b"other", ids()).challenge(100.0, REALM)
    assert guess(server(), challenge) == Challenged(stale=True)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("", ""),
        ("no address", ""),
    ],
)
def test_a_wrong_answer_names_whom_the_nonce_was_given_to(source: str, told: str) -> None:
    target = server()
    (challenge,) = target.challenge(100.0, REALM, source=source)
    outcome = guess(target, challenge)
    assert isinstance(outcome, Denied)
    assert outcome.sources == (told,)


def test_many_credentials_in_one_request_are_not_many_guesses() -> None:
    target = server()
    (challenge,) = target.challenge(100.0, REALM)
    request = tried(challenge, password="x")
    wrong = request.header("Proxy-Authorization") or ""
    for _ in range(50):
        request.headers.add("Authorization", wrong)
    outcome = check(target, 101.0, request)
    assert isinstance(outcome, Denied)
    assert len(outcome.sources) == MAX_CREDENTIALS
    right = tried(challenge).header("Proxy-Authorization") or ""
    request.headers.add("Authorization", right)
    assert isinstance(check(target, 101.0, request), Denied)


@pytest.mark.parametrize("name", ["username", "cnonce", "uri", "response"])
def test_values_of_strangers_have_a_length(name: str) -> None:
    target = server()
    (challenge,) = target.challenge(100.0, REALM)
    long = f'{name}="sip:{"x" * 2000}"'
    request = rewritten(tried(challenge), rf'\b{name}="[^"]*"', long)
    assert check(target, 101.0, request) == Denied("a value that is too long", ("",))


def test_what_is_remembered_of_nonces_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """And no nonce is good again because its count was forgotten."""
    monkeypatch.setattr("hookflash.sip.digest.MAX_NONCES", 10)
    target = server()
    nonces = []
    for number in range(30):
        (challenge,) = target.challenge(100.0 + number, REALM)
        nonces.append(nonce_of(challenge))
        assert check(target, 130.0, signed(nonces[-1])) == Accepted("alice")
        guess(target, challenge, 130.0)
    assert len(target._counts) == len(target._wrong) == 10
    for nonce in nonces:
        assert check(target, 131.0, signed(nonce)) == Challenged(stale=True)
