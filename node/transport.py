"""HTTP as a client speaks it: one kept-alive connection, the standard library, answers bounded in size and time.

A request that failed on the way is sent again, the very same bytes, a bounded number of times: reads change nothing,
and a signed batch that comes twice gets its first answer. Nothing here judges what an answer says.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from node.access import PUBLIC, Access
from node.errors import CertificateError, NetworkError, ProblemError
from node.spread import spread
from proofs.errors import InputError, RetryableError, excerpt

ATTEMPTS_MAX = 5
TIMEOUT_S = 30.0
"""Seconds for connecting, and between two pieces of an answer."""
ANSWER_TIMEOUT_S = 300.0
"""Seconds for one whole answer."""
BACKOFF_S = 0.2
BACKOFF_S_MAX = 5.0
RETRY_AFTER_S_MAX = 60
"""A node that asks for a longer wait isn't waited for: the caller is told."""
JSON_BYTES_MAX = 32 * 1024 * 1024
PROBLEM_BYTES_MAX = 64 * 1024
CHUNK_BYTES = 256 * 1024
USER_AGENT = "usance/0.1"

_AGAIN = frozenset((429, 502, 503, 504))
_SECONDS = re.compile(r"[0-9]{1,6}")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: `status`, `content_type` without parameters in lower case, and the whole `body`."""

    status: int
    content_type: str
    body: bytes
    retry_after_s: int


def check_url(url: str) -> str:
    """A node's URL without a final slash. Raises InputError unless it is http(s), with a host and nothing after the
    path."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and not (parts.query or parts.fragment)
        good = good and parts.username is None and parts.port != 0
        (parts.hostname or "").encode("idna")  # as connecting does: a ValueError for a label that is empty or too long
    except ValueError:
        good = False
    if not good or not url.isascii() or any(character <= " " for character in url):
        raise InputError(f"{excerpt(url)} is no node's URL", field="node", expected="http://HOST:PORT or https://HOST")
    return url.rstrip("/")


class Transport:
    """Requests to one node. Not safe for several threads at once: each has its own."""

    def __init__(
        self, url: str, *, access: Access = PUBLIC, timeout_s: float = TIMEOUT_S, attempts: int = ATTEMPTS_MAX,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:  # fmt: skip
        """`url`: the log's prefix. `access`: the token that this node is sent, and whom it is to be certified by.
        `sleep(seconds)` waits between attempts. Raises InputError for a bad URL or file of certificates."""
        self.url = check_url(url)
        parts = urlsplit(self.url)
        self._host, self._port = parts.hostname or "", parts.port
        self._prefix = parts.path
        self._tls = access.tls_context() if parts.scheme == "https" else None
        self._token = access.token
        self._timeout_s = timeout_s
        self._attempts = attempts
        self._sleep = sleep
        self._connection: http.client.HTTPConnection | None = None

    def close(self) -> None:
        """Close the connection; the next request opens a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def wait(self, seconds: float) -> None:
        """Wait as a node asked to."""
        self._sleep(seconds)

    def get(self, path: str, *, bytes_max: int) -> Answer:
        """GET a path (with its leading slash). Raises as `request`."""
        return self.request("GET", path, bytes_max=bytes_max)

    def request(
        self, method: str, path: str, *, bytes_max: int, body: bytes | memoryview | None = None, content_type: str = ""
    ) -> Answer:
        """One request, tried again on lost connections and on 429, 502, 503 and 504, as long as attempts last.

        Answers of any other status come back as they are. Raises NetworkError when attempts run out, or where the
        answer has more than `bytes_max` bytes or takes longer than ANSWER_TIMEOUT_S.
        """
        wait_s = BACKOFF_S
        for left in range(self._attempts - 1, -1, -1):
            try:
                answer = self._once(method, path, body, content_type, bytes_max)
                if answer.status not in _AGAIN:
                    return answer
                failure = _busy(self.url, answer)
            except NetworkError:
                self.close()  # what is left of the answer would be read as the next one
                raise
            except ssl.SSLCertVerificationError as error:
                self.close()
                raise _uncertified(self.url, error) from None
            except (OSError, http.client.HTTPException) as error:
                self.close()
                failure = NetworkError(f"{self.url} can't be reached: {self._why(error)}; check --node and the network")
            if not left or failure.retry_after_s > RETRY_AFTER_S_MAX:
                raise failure
            self._sleep(max(failure.retry_after_s, wait_s * spread(0.5, 1.0)))
            wait_s = min(2 * wait_s, BACKOFF_S_MAX)
        raise NetworkError(f"{self.url} was not asked")

    def get_json(self, path: str) -> dict[str, Any]:
        """The object that a path answers with. Raises ProblemError for a refusal, NetworkError for no JSON object."""
        answer = self.get(path, bytes_max=JSON_BYTES_MAX)
        return json_object(self.url, answer)

    def get_bytes(self, path: str, *, bytes_max: int) -> bytes:
        """The bytes that a path answers with. Raises ProblemError for a refusal."""
        answer = self.get(path, bytes_max=bytes_max)
        if answer.status != 200:
            raise refused(self.url, answer)
        return answer.body

    def _once(
        self, method: str, path: str, body: bytes | memoryview | None, content_type: str, bytes_max: int
    ) -> Answer:
        headers = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
        if content_type:
            headers["Content-Type"] = content_type
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        reused = self._connection is not None
        connection = self._connect()
        try:
            # A server that refuses early closes its side while the body is still being sent: its answer counts.
            with contextlib.suppress(BrokenPipeError):
                connection.request(method, self._prefix + path, body=body, headers=headers)
            response = connection.getresponse()
        except (ConnectionError, http.client.BadStatusLine):
            if not reused:
                raise
            # The server let go of the idle connection; that is no failure yet.
            self.close()
            connection = self._connect()
            connection.request(method, self._prefix + path, body=body, headers=headers)
            response = connection.getresponse()
        data = self._read(response, bytes_max)
        seconds = response.getheader("Retry-After") or ""
        return Answer(
            status=response.status,
            content_type=(response.getheader("Content-Type") or "").split(";")[0].strip().lower(),
            body=data,
            retry_after_s=int(seconds) if _SECONDS.fullmatch(seconds) else 0,
        )

    def _connect(self) -> http.client.HTTPConnection:
        if self._connection is None:
            if self._tls is not None:
                self._connection = http.client.HTTPSConnection(
                    self._host, self._port, timeout=self._timeout_s, context=self._tls
                )
            else:
                self._connection = http.client.HTTPConnection(self._host, self._port, timeout=self._timeout_s)
        return self._connection

    def _why(self, error: Exception) -> str:
        """Why a connection or an answer came to nothing, in words."""
        if isinstance(error, ssl.SSLError) and error.reason == "WRONG_VERSION_NUMBER":
            return "what answers there doesn't speak TLS (is it http://?)"
        if isinstance(error, http.client.RemoteDisconnected) and self._tls is None:
            return "it closed the connection without an answer (is it https://?)"
        if isinstance(error, OSError) and error.strerror:
            return error.strerror
        return str(error) or type(error).__name__

    def _read(self, response: http.client.HTTPResponse, bytes_max: int) -> bytes:
        deadline = time.monotonic() + ANSWER_TIMEOUT_S
        parts: list[bytes] = []
        size = 0
        while part := response.read(min(CHUNK_BYTES, bytes_max - size + 1)):
            size += len(part)
            parts.append(part)
            if size > bytes_max:
                raise NetworkError(f"{self.url} answered with more than {bytes_max} bytes; is that a Usance node?")
            if time.monotonic() > deadline:
                raise NetworkError(f"an answer of {self.url} took longer than {ANSWER_TIMEOUT_S:.0f} s")
        if response.length:  # read(n) says nothing of a connection that was lost; half an answer is none
            raise http.client.IncompleteRead(b"", response.length)
        return parts[0] if len(parts) == 1 else b"".join(parts)


def json_object(url: str, answer: Answer) -> dict[str, Any]:
    """The JSON object in an answer of status 200. Raises ProblemError for another status, NetworkError for no JSON."""
    if answer.status != 200:
        raise refused(url, answer)
    return _parse(url, answer.body)


def refused(url: str, answer: Answer) -> ProblemError | NetworkError:
    """The error that an answer of another status than 200 stands for."""
    if answer.status == 401:
        return ProblemError(
            f"{url} lets only those read who have a token, and it knows no such token",
            status=401, field="token", expected="--token-file FILE or USANCE_TOKEN, with a token of its operator",
        )  # fmt: skip
    if answer.content_type == "application/problem+json" and len(answer.body) <= PROBLEM_BYTES_MAX:
        problem = _parse(url, answer.body)
        if problem.get("detail") not in ("", None, problem.get("title")):  # else it says no more than the status
            return problem_error(problem, status=answer.status)
    if 400 <= answer.status < 500:
        return ProblemError(f"{url} answered {answer.status}; is that a Usance node?", status=answer.status)
    return NetworkError(f"{url} answered {answer.status}; is that a Usance node?")


def problem_error(problem: dict[str, Any], *, status: int = 0) -> ProblemError:
    """The error that a problem object stands for; whatever of it has the wrong type is left out."""

    def text(name: str) -> str:
        value = problem.get(name)
        return value[:2000] if isinstance(value, str) else ""

    code = problem.get("status")
    position = problem.get("position")
    known = ("type", "title", "status", "detail", "position", "field", "expected")
    return ProblemError(
        text("detail") or text("title") or "refused without a reason",
        status=code if type(code) is int else status,
        type=text("type") or "about:blank",
        position=position if type(position) is int and position >= 0 else None,
        field=text("field"),
        expected=text("expected"),
        extra={name: value for name, value in problem.items() if name not in known},
    )


def _parse(url: str, body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise NetworkError(f"{url} answered without a JSON object; is that a Usance node?")
    return value


def _busy(url: str, answer: Answer) -> RetryableError:
    detail = ""
    if answer.content_type == "application/problem+json":
        with contextlib.suppress(NetworkError):
            detail = problem_error(_parse(url, answer.body)).detail
    again = f"in {answer.retry_after_s} s" if answer.retry_after_s > RETRY_AFTER_S_MAX else "later"
    return NetworkError(
        f"{url} is busy ({answer.status}{': ' + detail if detail else ''}); try again {again}",
        retry_after_s=answer.retry_after_s,
    )


_X509_EXPIRED, _X509_NOT_YET, _X509_HOST, _X509_IP = 10, 9, 62, 64  # openssl/x509_vfy.h


def _uncertified(url: str, error: ssl.SSLCertVerificationError) -> CertificateError:
    """The error for a certificate that doesn't hold: what is wrong, and who has to do what."""
    if error.verify_code == _X509_EXPIRED:
        return CertificateError(f"{url}: its certificate has expired: its operator has to renew it")
    if error.verify_code == _X509_NOT_YET:
        return CertificateError(f"{url}: its certificate isn't valid yet: check this machine's clock")
    if error.verify_code in (_X509_HOST, _X509_IP):
        return CertificateError(f"{url}: its certificate is for another host: use the name that it was made for")
    return CertificateError(
        f"{url}: its certificate isn't signed by an authority trusted here ({error.verify_message}): if its operator "
        "has an authority of his own, give its certificate with --ca-file FILE (or USANCE_CA_FILE, SSL_CERT_FILE)"
    )
