"""A real HTTP server on the loopback interface that behaves as badly as a test asks it to."""

import re
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True)
class Answer:
    """One answer, honest unless told otherwise."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    announced: int | None = None
    """The Content-Length to claim, where it is not the truth."""
    unannounced: bool = False
    """No Content-Length at all: the body ends with the connection."""
    delay: float = 0
    """Wait so many seconds before answering at all."""
    chunked: bool = False
    """Transfer-Encoding: chunked, without a Content-Length."""
    cut_after: int | None = None
    """Close the connection after so many bytes of the body."""
    stall_after: int | None = None
    """Say nothing more after so many bytes of the body, but keep the connection."""
    piece: int = 1 << 16
    pause: float = 0
    """Send pieces of so many bytes with so many seconds after each."""
    ranges: bool = False
    """Answer Range with 206 or 416, and heed If-Range."""
    careless: bool = False
    """With `ranges`: answer Range with 206 whatever If-Range says."""


@dataclass
class Request:
    """A request that came, and how many bytes of a body it was sent."""

    path: str
    headers: dict[str, str]
    connection: int
    sent: int = 0


class Server:
    """What each path answers, and what was asked; 404 for everything else."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.folder: Path | None = None
        """Files that are served where nothing else is said."""
        self.closing = threading.Event()
        self.busiest = 0
        """The most requests that were waiting for their answer (its `delay`) at one time."""
        self._busy = 0
        self._answers: dict[str, list[Answer]] = defaultdict(list)
        self._lock = threading.Lock()
        self.port = 0

    def answer(self, path: str, *answers: Answer) -> str:
        """Give these answers to requests of `path`, one after the other, the last for ever; return its address."""
        with self._lock:
            self._answers[path] = list(answers)
        return self.address(path)

    def address(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def asked(self, path: str) -> list[Request]:
        return [request for request in self.requests if request.path == path]

    def next_answer(self, path: str) -> Answer:
        with self._lock:
            answers = self._answers.get(path)
            if answers:
                return answers.pop(0) if len(answers) > 1 else answers[0]
        file = self.folder / unquote(urlsplit(path).path).lstrip("/") if self.folder else None
        return Answer(file.read_bytes(), ranges=True) if file and file.is_file() else Answer(b"no such file\n", status=404)

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count a request as waiting."""
        with self._lock:
            self._busy += 1
            self.busiest = max(self.busiest, self._busy)
        try:
            yield
        finally:
            with self._lock:
                self._busy -= 1


@contextmanager
def serving() -> Iterator[Server]:
    """A server on a free port, in threads of this process, until the block ends."""
    server = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            request = Request(self.path, {name.lower(): value for name, value in self.headers.items()}, self.client_address[1])
            server.requests.append(request)
            answer = server.next_answer(self.path)
            with server.counting():
                server.closing.wait(answer.delay)
            with suppress(ConnectionError):
                _respond(self, server, answer, request)

        def log_message(self, format: str, *args: object) -> None:
            """Keep the tests' output quiet."""

    class Listener(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Keep quiet about clients that hang up, which is what many tests are about."""
            if not isinstance(sys.exception(), ConnectionError):
                super().handle_error(request, client_address)

    listener = Listener(("127.0.0.1", 0), Handler)
    server.port = listener.server_address[1]
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        listener.shutdown()
        listener.server_close()
        thread.join()


def _respond(handler: BaseHTTPRequestHandler, server: Server, answer: Answer, request: Request) -> None:
    status, body, headers = _ranged(answer, request.headers)
    handler.send_response(status)
    for name, value in (headers | dict(answer.headers)).items():
        handler.send_header(name, value)
    if answer.chunked:
        handler.send_header("Transfer-Encoding", "chunked")
    elif answer.unannounced:
        handler.send_header("Connection", "close")
        handler.close_connection = True
    else:
        handler.send_header("Content-Length", str(len(body) if answer.announced is None else answer.announced))
    handler.end_headers()
    broken = answer.cut_after is not None or answer.stall_after is not None
    end = min(limit for limit in (answer.cut_after, answer.stall_after, len(body)) if limit is not None)
    for start in range(0, end, answer.piece):
        piece = body[start : min(start + answer.piece, end)]
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if answer.chunked else piece)
        request.sent += len(piece)
        if answer.pause and server.closing.wait(answer.pause):
            return
    if answer.stall_after is not None:
        server.closing.wait(30)
    if answer.chunked and not broken:
        handler.wfile.write(b"0\r\n\r\n")
    if broken or answer.announced is not None:
        handler.close_connection = True


def _ranged(answer: Answer, asked: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
    """Status, body and headers of `answer` to a request that may ask for the rest of a file."""
    wanted = re.fullmatch(r"bytes=(\d+)-", asked.get("range", ""))
    if not answer.ranges or wanted is None or answer.status != HTTPStatus.OK:
        return answer.status, answer.body, {}
    condition = asked.get("if-range")
    known = {answer.headers.get("ETag"), answer.headers.get("Last-Modified"), None}
    if condition not in known and not answer.careless:
        return answer.status, answer.body, {}
    start, size = int(wanted[1]), len(answer.body)
    if start >= size:
        return 416, b"", {"Content-Range": f"bytes */{size}"}
    return 206, answer.body[start:], {"Content-Range": f"bytes {start}-{size - 1}/{size}"}
