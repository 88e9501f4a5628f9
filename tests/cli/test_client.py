"""The commands' HTTP client: what it says when something is wrong."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from livekit.protocol.room import ListRoomsRequest, ListRoomsResponse

from hookflash.cli.client import Client, ClientError, RefusedError

KEY, SECRET = "key", "secret-of-more-than-thirty-two-characters"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        answers = {
            "/ok": (200, b'{"a": 1}'),
            "/twirp": (401, b'{"code": "unauthenticated", "msg": "permissions denied"}'),
            "/text": (500, b"broken"),
            "/garbage": (200, b"<html>"),
            "/page": (502, b"<html>\n" + b"bad\n" * 1000),
        }
        status, body = answers[self.path.partition("?")[0]]
        self.server.seen.append((self.path, self.headers["Authorization"]))  # type: ignore[attr-defined]
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        known = self.path.endswith("/ListRooms")
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200 if known else 404)
        self.end_headers()
        self.wfile.write(b"\xff\xff" if known else b"404 page not found\n")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.seen = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def client(server: HTTPServer, scheme: str = "http") -> Client:
    return Client(f"{scheme}://127.0.0.1:{server.server_port}/", KEY, SECRET)


@pytest.mark.parametrize("scheme", ["http", "ws"])
def test_json_comes_back(server: HTTPServer, scheme: str) -> None:
    assert client(server, scheme).get("/ok", room="lobby", limit=3) == {"a": 1}
    path, authorization = server.seen[0]  # type: ignore[attr-defined]
    assert path == "/ok?room=lobby&limit=3"
    assert authorization.startswith("Bearer ")


def test_a_refusal_says_what_to_check(server: HTTPServer) -> None:
    with pytest.raises(ClientError, match=r"permissions denied.*LIVEKIT_API_KEY"):
        client(server).get("/twirp")


def test_other_answers_are_shown(server: HTTPServer) -> None:
    with pytest.raises(ClientError, match="500: broken"):
        client(server).get("/text")
    with pytest.raises(ClientError):
        client(server).get("/garbage")


def test_a_page_of_a_proxy_is_cut_to_a_line(server: HTTPServer) -> None:
    with pytest.raises(ClientError, match="502: <html> bad bad") as caught:
        client(server).get("/page")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "url", ["", "nonsense", "127.0.0.1:7880", "ftp://h", "http://", "http://h:99999", "http://[::1"]
)
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(ClientError, match="is no address of a server; --url or LIVEKIT_URL"):
        Client(url, KEY, SECRET)


@pytest.mark.parametrize(("key", "secret"), [("", SECRET), (KEY, "")])
def test_a_key_that_is_none(key: str, secret: str) -> None:
    with pytest.raises(ClientError, match="no API key; --api-key and --api-secret"):
        Client("http://h", key, secret)


def test_a_server_that_does_not_speak_http() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:

        def greet() -> None:
            peer, _ = other.accept()
            with peer:
                peer.recv(4096)
                peer.sendall(b"220 mail.example.com ESMTP\r\n")

        thread = threading.Thread(target=greet)
        thread.start()
        with pytest.raises(ClientError, match="no answer from"):
            Client(f"http://127.0.0.1:{other.getsockname()[1]}", KEY, SECRET).get("/ok")
        thread.join()


def test_no_server_says_so() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ClientError, match="hookflash serve"):
        Client(f"http://127.0.0.1:{port}", KEY, SECRET).get("/ok")


def test_the_short_secret_of_dev_is_used_without_a_warning(server: HTTPServer) -> None:
    client = Client(f"http://127.0.0.1:{server.server_port}", "devkey", "secret")
    assert client.get("/ok") == {"a": 1}


def test_an_answer_that_is_no_message_is_no_answer(server: HTTPServer) -> None:
    with pytest.raises(ClientError, match="no answer"):
        client(server).call("RoomService/ListRooms", ListRoomsRequest(), ListRoomsResponse)


def test_a_method_that_is_not_there(server: HTTPServer) -> None:
    with pytest.raises(RefusedError, match="is this the address of the API") as caught:
        client(server).call("Nothing/Here", ListRoomsRequest(), ListRoomsResponse)
    assert (caught.value.status, caught.value.code) == (404, "")
