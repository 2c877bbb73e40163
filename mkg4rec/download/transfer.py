"""One HTTP request (RFC 9110): what is still missing of a file, written after what is there."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from mkg4rec import params
from mkg4rec.download.cache import Part, Resumable
from mkg4rec.download.failure import DownloadError, Reason

CHUNK = 1 << 16
MAX_REDIRECTS = 10
SLOWEST = 1024  # bytes a second, over read_timeout; a server that drips is as good as one that stands still
WORTH_ASKING_AGAIN = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}


class TransientError(Exception):
    """A failure that another try may mend; `wait` is what the server asked for, in seconds."""

    def __init__(self, reason: Reason, problem: str, wait: float = 0) -> None:
        super().__init__(problem)
        self.reason = reason
        self.wait = wait


def receive(
    session: requests.Session, address: str, part: Part, settings: params.Http, max_bytes: int, moved: Callable[[Part], None]
) -> None:
    """Bring `part` to its end in one request; `moved` is called after every step.

    What `part` has is kept only if the server proves with its ETag or date (`If-Range`) that it is the
    beginning of the same file. Bytes are stored as published: a transport encoding that the server
    applies unasked is undone, except for a `.gz` file, which some servers declare as encoded.

    Raises:
        TransientError: worth another try.
        DownloadError: not worth one.
    """
    headers = {"Accept-Encoding": "identity"}
    if part.size and part.of.validator:
        headers |= {"Range": f"bytes={part.size}-", "If-Range": part.of.validator}
    with _naming_failures(address), _answer(session, address, headers, settings) as response:
        _check_status(response, address, part)
        decode = _is_encoded(response, address)
        _take_up(response, part, decode)
        for size in (part.of.total or 0, part.size):
            _check_size(size, max_bytes, address)
        for chunk in _chunks(response.raw, part, decode, settings.read_timeout):
            _check_size(part.size + len(chunk), max_bytes, address)
            part.append(chunk)
            moved(part)
    if part.of.total is not None and part.size < part.of.total:
        raise TransientError(Reason.TRUNCATED, f"the connection ended after {part.size:,} of {part.of.total:,} bytes")
    part.finished = True


@contextmanager
def _naming_failures(address: str) -> Iterator[None]:
    """Sort the exceptions of requests and urllib3 into those worth another try and the others."""
    try:
        yield
    except (requests.Timeout, urllib3.exceptions.ReadTimeoutError) as error:
        raise TransientError(Reason.TIMEOUT, "the server stopped answering") from error
    except requests.exceptions.SSLError as error:
        raise DownloadError(Reason.REFUSED, address, f"no trusted connection: {_root_cause(error)}") from error
    except requests.ConnectionError as error:
        raise TransientError(Reason.UNREACHABLE, f"no connection: {_root_cause(error)}") from error
    except urllib3.exceptions.HTTPError as error:
        raise TransientError(Reason.TRUNCATED, f"the connection broke: {_root_cause(error)}") from error
    except (requests.RequestException, ValueError) as error:
        raise DownloadError(Reason.BAD_ADDRESS, address, str(error)) from error


def _root_cause(error: BaseException) -> str:
    """The innermost exception's text: requests and urllib3 wrap it in several others."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return str(error) or type(error).__name__


@contextmanager
def _answer(session: requests.Session, address: str, headers: dict[str, str], settings: params.Http) -> Iterator[requests.Response]:
    """The answer to GET after redirects, none of which may leave http and https; its body is not read yet."""
    target = address
    for _ in range(MAX_REDIRECTS + 1):
        timeouts = (settings.connect_timeout, settings.read_timeout)
        with session.get(target, headers=headers, stream=True, timeout=timeouts, allow_redirects=False) as response:
            location = session.get_redirect_target(response)
            if location is None:
                yield response
                return
        target = urljoin(target, location)
        if urlsplit(target).scheme not in ("http", "https"):
            raise DownloadError(Reason.REFUSED, address, f"the server redirects to {target}; only http and https are followed")
    raise DownloadError(Reason.REFUSED, address, f"more than {MAX_REDIRECTS} redirects, the last to {target}")


def _check_status(response: requests.Response, address: str, part: Part) -> None:
    status = response.status_code
    said = f"the server answered {status} {response.reason or ''}".rstrip()
    if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
        raise DownloadError(Reason.MISSING, address, said)
    if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and part.size:
        part.restart()
        raise TransientError(Reason.SERVER_ERROR, f"{said} to the rest of the file; starting again")
    if status >= 500 or status in WORTH_ASKING_AGAIN:
        reason = Reason.RATE_LIMITED if status == HTTPStatus.TOO_MANY_REQUESTS else Reason.SERVER_ERROR
        raise TransientError(reason, said, retry_after(response.headers.get("Retry-After", "")))
    if status not in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
        raise DownloadError(Reason.REFUSED, address, said)
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind in ("text/html", "application/xhtml+xml") and not urlsplit(address).path.lower().endswith((".html", ".htm")):
        raise DownloadError(Reason.HTML_PAGE, address, "the server sent a web page in place of the file")


def retry_after(value: str) -> float:
    """Seconds that a Retry-After header asks for, as a number or a date; 0 where it says nothing."""
    if re.fullmatch(r"\s*\d+\s*", value):
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return 0
    # A date without a zone is in GMT, RFC 9110 section 5.6.7.
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0, (moment - datetime.now(UTC)).total_seconds())


def _is_encoded(response: requests.Response, address: str) -> bool:
    """Whether the body must be decoded to be the published file."""
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding in ("", "identity") or urlsplit(address).path.lower().endswith((".gz", ".tgz")):
        return False
    if encoding in ("gzip", "x-gzip", "deflate"):
        return True
    raise DownloadError(Reason.REFUSED, address, f"the server sent the file encoded as {encoding!r}, though asked not to")


def _take_up(response: requests.Response, part: Part, encoded: bool) -> None:
    """Keep what `part` has if the answer goes on with it, else start from the answer's first byte."""
    length = response.headers.get("Content-Length", "")
    chunked = "chunked" in response.headers.get("Transfer-Encoding", "").lower()
    total = int(length) if length.isdecimal() and not chunked and not encoded else None
    if response.status_code == HTTPStatus.OK:
        part.restart(Resumable(None if encoded else _validator(response), total))
        return
    span = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
    same_file = part.of.validator is not None and _validator(response) in _proofs(part.of.validator)
    same_size = span is not None and (span[2] == "*" or part.of.total in (None, int(span[2])))
    if encoded or span is None or int(span[1]) != part.size or not same_file or not same_size:
        part.restart()
        raise TransientError(Reason.TRUNCATED, "the server sent a piece of another file than before; starting again")


def _proofs(validator: str) -> set[str | None]:
    """What an answer may say that goes on with a file of this ETag or date: RFC 9110 lets it leave out the date (15.3.7), not the ETag."""
    return {validator} if validator.startswith('"') else {validator, None}


def _validator(response: requests.Response) -> str | None:
    """What tells this file from a later one: a strong ETag, else the date of its last change."""
    etag = response.headers.get("ETag", "")
    return etag if etag.startswith('"') else response.headers.get("Last-Modified")


def _check_size(size: int, max_bytes: int, address: str) -> None:
    if size > max_bytes:
        raise DownloadError(Reason.TOO_LARGE, address, f"the file has {size:,} bytes or more, its limit is {max_bytes:,}")


def _chunks(raw: urllib3.BaseHTTPResponse, part: Part, decode: bool, window: float) -> Iterator[bytes]:
    """The body as it comes in, up to the announced size; `part` grows between two chunks."""
    since, received = time.monotonic(), 0
    while part.of.total is None or part.size < part.of.total:
        wanted = CHUNK if part.of.total is None else min(CHUNK, part.of.total - part.size)
        chunk = raw.read1(wanted, decode_content=decode)
        if not chunk:
            return
        yield chunk
        received += len(chunk)
        elapsed = time.monotonic() - since
        if elapsed >= window:
            if received < SLOWEST * elapsed:
                raise TransientError(Reason.TIMEOUT, f"only {received:,} bytes in {elapsed:.0f} s")
            since, received = time.monotonic(), 0
