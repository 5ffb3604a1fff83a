"""HTTPS: refused starts, certificates that change, HTTP limits under TLS, and what clients say of bad certificates."""

import datetime
import logging
import os
import shutil
import signal
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from ledger.errors import StartupError
from node.access import Access
from node.config import Config, parse_config
from node.errors import CertificateError, NetworkError
from node.listener import HANDSHAKE_S
from node.tls import DAY_S, Tls
from node.transport import Transport
from proofs.entry import REQUEST_BYTES_MAX, encode_request
from proofs.errors import InputError
from tests.node.certs import Authority
from tests.node.clitool import Cli
from tests.node.harness import Actor, NodeProcess, body, check_problem, parse_answer, read_all, until, use_body

PAIR = {"certificate": "cert.pem", "private_key": "key.pem"}
POST = b"POST /records HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/msgpack\r\n"
GET = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """An authority of the test's own."""
    return Authority(tmp_path / "ca")


@pytest.fixture
def serve(make_node: Callable[..., NodeProcess], authority: Authority) -> Callable[..., NodeProcess]:
    """Starts nodes that speak TLS."""

    def start(*, host: str = "127.0.0.1", **settings: Any) -> NodeProcess:
        made = make_node(start=False, **PAIR, **settings)
        authority.issue(made.folder, host=host)
        return made.start()

    return start


def connect(node: NodeProcess, authority: Authority, **context_options: Any) -> ssl.SSLSocket:
    """A TLS connection that trusts the test's authority."""
    context = ssl.create_default_context(cafile=str(authority.path))
    for name, value in context_options.items():
        setattr(context, name, value)
    raw = socket.create_connection(("127.0.0.1", node.port), timeout=60)
    return context.wrap_socket(raw, server_hostname="127.0.0.1")


def serial(connection: ssl.SSLSocket) -> int:
    """The serial number of the certificate that the other side showed."""
    data = connection.getpeercert(binary_form=True)
    assert data is not None
    return x509.load_der_x509_certificate(data).serial_number


def ask(connection: ssl.SSLSocket) -> bool:
    """Whether a kept connection answers one more request."""
    connection.sendall(GET)
    return connection.recv(4096).startswith(b"HTTP/1.1 200 ")


# Starting


def made(folder: Path, **changed: Any) -> Config:
    """A configuration with a certificate."""
    config = parse_config('[log]\norigin = "log.example/x"\n')
    return replace(config, **{**PAIR, **changed})


def test_a_good_pair_is_taken(tmp_path: Path, authority: Authority) -> None:
    """Certificate and key of the node's folder, or by a whole path; the end of the certificate is known."""
    authority.issue(tmp_path, days=30)
    tls = Tls(made(tmp_path), str(tmp_path))
    assert 29.9 < (tls.not_after_s - time.time()) / DAY_S < 30.1
    assert tls.context.minimum_version == ssl.TLSVersion.TLSv1_2
    other = made(tmp_path, certificate=str(tmp_path / "cert.pem"), version_min="1.3")
    assert Tls(other, str(tmp_path)).context.minimum_version == ssl.TLSVersion.TLSv1_3


def _expired(folder: Path, authority: Authority) -> None:
    authority.issue(folder, days=-0.1, age_days=10)


def _open(folder: Path, authority: Authority) -> None:
    authority.issue(folder)[1].chmod(0o640)


def _no_certificate(folder: Path, authority: Authority) -> None:
    authority.issue(folder)[0].unlink()


def _no_key(folder: Path, authority: Authority) -> None:
    key = folder / "key.pem"
    (key if key.exists() else authority.issue(folder)[1]).unlink()


def _other_key(folder: Path, authority: Authority) -> None:
    """A pair that never was a good one on its way there: a running node looks by itself, too."""
    if not (folder / "key.pem").exists():
        authority.issue(folder)
    (folder / "spare").mkdir(exist_ok=True)
    shutil.copyfile(authority.issue(folder / "spare")[0], folder / "cert.pem")


def _locked_key(folder: Path, authority: Authority) -> None:
    authority.issue(folder, passphrase=b"secret")


def _junk(folder: Path, authority: Authority) -> None:
    authority.issue(folder)[0].write_bytes(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")


def _empty(folder: Path, authority: Authority) -> None:
    authority.issue(folder)[0].write_bytes(b"")


def _swapped(folder: Path, authority: Authority) -> None:
    certificate, key = authority.issue(folder)
    data = certificate.read_bytes()
    certificate.write_bytes(key.read_bytes())
    key.write_bytes(data)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [(_expired, "expired"), (_open, "chmod 600"), (_no_certificate, "can't read"), (_no_key, "can't read"),
     (_other_key, "not the key"), (_locked_key, "passphrase"), (_junk, "no certificate"), (_empty, "no certificate"),
     (_swapped, "no certificate")],
)  # fmt: skip
def test_what_cannot_be_served_stops_the_start(
    tmp_path: Path, authority: Authority, spoil: Callable[[Path, Authority], None], said: str
) -> None:
    """An expired certificate, a key that others can read or that isn't its, and what is no PEM: the start says which
    and what to do, and shows nothing of the key."""
    spoil(tmp_path, authority)
    with pytest.raises(StartupError, match=said) as caught:
        Tls(made(tmp_path), str(tmp_path))
    assert "PRIVATE" not in caught.value.detail


@pytest.mark.parametrize("name", sorted(PAIR))
def test_one_of_the_pair_is_not_enough(make_node: Callable[..., NodeProcess], name: str, tmp_path: Path) -> None:
    """A certificate or a key alone must not end in plain HTTP: the node doesn't start."""
    node = make_node(start=False, **{name: PAIR[name]})
    done = Cli(tmp_path).program("node", "run", str(node.folder), "--listen", "127.0.0.1:0")
    assert (done.code, done.out) == (5, "")
    assert "go together" in done.err


# Certificates that change


def test_a_new_certificate_is_served_without_a_restart(serve: Callable[..., NodeProcess], authority: Authority) -> None:
    """After SIGHUP new connections get the new certificate, and the old ones go on."""
    node = serve()
    with connect(node, authority) as before:
        assert ask(before)
        authority.issue(node.folder, serial=4711)
        os.kill(node.pid, signal.SIGHUP)

        def is_new() -> bool:
            with connect(node, authority) as fresh:
                return serial(fresh) == 4711 and ask(fresh)

        until(is_new)
        assert serial(before) != 4711
        assert ask(before)
    assert node.failures() == []


def test_a_wrong_new_certificate_changes_nothing(serve: Callable[..., NodeProcess], authority: Authority) -> None:
    """A pair that doesn't belong together, has expired or is gone leaves the old one served, and is an error in the
    log; a good one after it is taken."""
    node = serve()
    with connect(node, authority) as first:
        old = serial(first)
    for spoil in (_other_key, _expired, _no_key):
        spoil(node.folder, authority)
        count = node.log_path.read_text().count("certificate-failed")
        os.kill(node.pid, signal.SIGHUP)
        until(lambda count=count: node.log_path.read_text().count("certificate-failed") > count)
        with connect(node, authority) as again:
            assert serial(again) == old
            assert ask(again)
    authority.issue(node.folder, serial=4712)
    os.kill(node.pid, signal.SIGHUP)

    def is_new() -> bool:
        with connect(node, authority) as fresh:
            return serial(fresh) == 4712

    until(is_new)


def test_a_certificate_that_ends_soon_is_warned_of_once_a_day(
    tmp_path: Path, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    """At start and once a day from so many days before, also when it has ended; not before."""
    authority.issue(tmp_path, days=20)
    now = time.time()
    clock = [now]
    tls = Tls(made(tmp_path), str(tmp_path), clock=lambda: clock[0])

    def warned() -> list[str]:
        found = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
        caplog.clear()
        return found

    assert warned() == []
    clock[0] = now + 7 * DAY_S
    tls.refresh()
    tls.refresh()
    assert ["ends in 13.0 days" in text for text in warned()] == [True]
    clock[0] += DAY_S / 2
    tls.refresh()
    assert warned() == []
    clock[0] = now + 21 * DAY_S
    tls.refresh()
    assert ["has expired" in text for text in warned()] == [True]


# The limits of HTTP, under TLS


def test_everything_works_over_https(serve: Callable[..., NodeProcess], authority: Authority, tmp_path: Path) -> None:
    """The command line writes and reads over https, with the authority from a file or from the environment."""
    node = serve()
    url = f"https://127.0.0.1:{node.port}"
    cli = Cli(tmp_path, {"USANCE_NODE": url, "USANCE_LOG": node.vkey.text, "USANCE_KEY": "lab.key"})
    cli.ok("key", "new", "lab.key")
    cli.ok("party", "Lab", "--ca-file", authority.path)
    cli.ok("use", "model:a/b", "--as", "train", "--token", 5, SSL_CERT_FILE=str(authority.path))
    cli.ok("records", USANCE_CA_FILE=str(authority.path))
    assert cli("audit", url, "--ca-file", authority.path).code == 0


def test_old_versions_are_not_spoken(serve: Callable[..., NodeProcess], authority: Authority) -> None:
    """With `version_min` 1.3 a client that can only 1.2 gets no connection."""
    node = serve(version_min="1.3")
    with connect(node, authority) as good:
        assert good.version() == "TLSv1.3"
    with pytest.raises(ssl.SSLError):
        connect(node, authority, maximum_version=ssl.TLSVersion.TLSv1_2)


def test_slow_and_large_requests_end(serve: Callable[..., NodeProcess], authority: Authority) -> None:
    """Under TLS too: a body that doesn't come is 408, an announced size above the limit 413 before its first byte, a
    head that never ends and an idle connection are closed."""
    node = serve(request_timeout_s=1, idle_timeout_s=1)
    with connect(node, authority) as slow:
        slow.sendall(POST + b"Content-Length: 1000\r\n\r\n\x91")
        check_problem(parse_answer(read_all(slow)), 408)
    with connect(node, authority) as large:
        large.sendall(POST + b"Content-Length: %d\r\n\r\n" % (REQUEST_BYTES_MAX + 1))
        assert large.recv(4096).startswith(b"HTTP/1.1 413 ")
    for sent in (b"", b"GET /checkpoint HTTP/1.1\r\nHost: a\r\nX", GET):
        with connect(node, authority) as idle:
            idle.sendall(sent)
            began = time.monotonic()
            read_all(idle)
            assert 0.5 < time.monotonic() - began < 40
    assert Actor(node, next=0).node is node
    assert node.failures() == []


def test_a_large_request_is_taken(serve: Callable[..., NodeProcess], authority: Authority) -> None:
    """Some megabytes of records over TLS are logged whole."""
    node = serve()
    actor = Actor(node)
    context = ssl.create_default_context(cafile=str(authority.path))
    attrs = {f"{at:02}": os.urandom(500).hex() for at in range(55)}
    batch = actor.sign(*(use_body(attrs=attrs) for _ in range(100)))
    data = encode_request([batch])
    assert len(data) > 5 * 2**20
    with context.wrap_socket(socket.create_connection(("127.0.0.1", node.port)), server_hostname="127.0.0.1") as sender:
        sender.settimeout(60)
        sender.sendall(POST + b"Content-Length: %d\r\n\r\n" % len(data) + data)
        answer = parse_answer(read_all(sender))
    assert answer.json()["results"][0]["type"] == "usance:key"  # no party yet: read, checked and refused


def test_readers_that_do_not_read_are_cut_off(serve: Callable[..., NodeProcess], authority: Authority) -> None:
    """A client that takes no byte of a large answer is cut off under TLS too, without its doing anything."""
    node = serve(request_timeout_s=1)
    before = node.open_files()
    attrs = {f"{at:02}": os.urandom(500).hex() for at in range(55)}
    url, access = f"https://127.0.0.1:{node.port}", Access(ca_file=str(authority.path))
    transport = Transport(url, access=access)
    actor = Actor(node)

    def log(*bodies: bytes) -> None:
        answer = transport.request(
            "POST", "/records", body=encode_request([actor.sign(*bodies)]), content_type="application/msgpack",
            bytes_max=2**20,
        )  # fmt: skip
        assert answer.status == 200
        actor.next += len(bodies)

    log(body("party", name="A"))
    log(*(use_body(attrs=attrs) for _ in range(120)))
    transport.close()
    context = ssl.create_default_context(cafile=str(authority.path))
    stuck = []
    for _ in range(4):
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.settimeout(60)
        raw.connect(("127.0.0.1", node.port))
        connection = context.wrap_socket(raw, server_hostname="127.0.0.1")
        connection.sendall(b"GET /tile/entries/000.p/100 HTTP/1.1\r\nHost: a\r\n\r\n" * 3)
        stuck.append(connection)
    assert node.open_files() >= before + 4
    until(lambda: node.open_files() <= before + 1)
    for connection in stuck:
        connection.close()


def test_half_made_connections_are_bounded(serve: Callable[..., NodeProcess], authority: Authority) -> None:
    """Handshakes that never end count as connections, those beyond the bound are closed at once, and all of them after
    HANDSHAKE_S; then there is room again."""
    node = serve(connections_max=6)
    open_before = node.open_files()
    half = [socket.create_connection(("127.0.0.1", node.port), timeout=60) for _ in range(6)]
    time.sleep(0.2)
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", node.port), timeout=30) as beyond:
            assert beyond.recv(1) == b""  # closed, and not only silent: that would be a TimeoutError
    assert node.open_files() <= open_before + 6
    began = time.monotonic()
    for connection in half:
        assert read_all(connection) == b""
        connection.close()
    assert time.monotonic() - began < HANDSHAKE_S + 30

    def is_served() -> bool:
        try:
            with connect(node, authority) as fresh:
                return ask(fresh)
        except OSError:
            return False

    until(is_served)
    assert node.failures() == []


@pytest.mark.parametrize("data", [GET, b"\x16\x03\x01\x00\x05junk!", b"\x00" * 100, b""])
def test_what_is_no_tls_is_dropped(serve: Callable[..., NodeProcess], authority: Authority, data: bytes) -> None:
    """Plain HTTP and junk on the TLS port get no answer in HTTP and leave nothing behind."""
    node = serve()
    answer = node.raw(data, half_close=True)
    assert b"HTTP" not in answer
    with connect(node, authority) as good:
        assert ask(good)
    assert node.failures() == []


def test_a_stop_ends_tls_connections(serve: Callable[..., NodeProcess], authority: Authority) -> None:
    """A stop answers what was accepted and closes the rest, half-made connections among them, within its grace."""
    node = serve(grace_s=5)
    with connect(node, authority) as idle, socket.create_connection(("127.0.0.1", node.port)):
        assert ask(idle)
        began = time.monotonic()
        assert node.stop() == 0
        assert time.monotonic() - began < 40
    assert node.failures() == []


# What clients say


def refusal(url: str, access: Access) -> tuple[str, int]:
    """What a client says of a node whose certificate doesn't hold, and how often it waited to try again."""
    waits: list[float] = []
    with pytest.raises(CertificateError) as caught:
        Transport(url, access=access, sleep=waits.append).get("/checkpoint", bytes_max=1000)
    return caught.value.detail, len(waits)


def test_an_unknown_authority_is_said_and_not_tried_again(
    serve: Callable[..., NodeProcess], authority: Authority, tmp_path: Path
) -> None:
    """Without the authority's certificate: no retry, no answer believed; the line says what to give. Exit code 1."""
    node = serve()
    url = f"https://127.0.0.1:{node.port}"
    other = Authority(tmp_path / "other")
    for access in (Access(), Access(ca_file=str(other.path))):
        said, waits = refusal(url, access)
        assert "--ca-file" in said
        assert waits == 0
    line = Cli(tmp_path).fails(1, "records", "--node", url, "--log", node.vkey.text)
    assert "--ca-file" in line


def test_another_hosts_certificate_is_said(serve: Callable[..., NodeProcess], authority: Authority) -> None:
    """A certificate for another name or address is refused, and the line says so."""
    access = Access(ca_file=str(authority.path))
    for host in ("node.example", "127.0.0.2"):
        said, waits = refusal(f"https://127.0.0.1:{serve(host=host).port}", access)
        assert "another host" in said
        assert waits == 0
    said, _ = refusal(f"https://localhost:{serve(host='127.0.0.1').port}", access)
    assert "another host" in said


def test_an_expired_certificate_is_said(serve: Callable[..., NodeProcess], authority: Authority) -> None:
    """A certificate that ends while the node runs: the client refuses it and names the operator as who has to act."""
    node = serve()
    authority.issue(node.folder, days=1.5 / DAY_S)
    os.kill(node.pid, signal.SIGHUP)
    until(lambda: "the certificate was read again" in node.log_path.read_text())
    time.sleep(2)
    said, waits = refusal(f"https://127.0.0.1:{node.port}", Access(ca_file=str(authority.path)))
    assert "expired" in said
    assert waits == 0


def test_the_wrong_scheme_is_said(
    serve: Callable[..., NodeProcess], make_node: Callable[..., NodeProcess], authority: Authority
) -> None:
    """https on a plain port and http on a TLS port end as network errors that name the likely cause."""
    plain, secure = make_node(), serve()
    access = Access(ca_file=str(authority.path))
    for url, hint in (
        (f"https://127.0.0.1:{plain.port}", "http://"), (f"http://127.0.0.1:{secure.port}", "https://"),
    ):  # fmt: skip
        with pytest.raises(NetworkError, match=hint):
            Transport(url, access=access, attempts=2, sleep=lambda seconds: None).get("/checkpoint", bytes_max=1000)


def test_a_file_that_holds_no_certificates_is_bad_input(tmp_path: Path) -> None:
    """--ca-file with a missing file or junk is refused before anything is sent: exit code 2."""
    junk = tmp_path / "junk.pem"
    junk.write_text("no certificate")
    for path in (junk, tmp_path / "missing.pem"):
        with pytest.raises(InputError) as caught:
            Transport("https://127.0.0.1:9", access=Access(ca_file=str(path)))
        assert caught.value.field == "--ca-file"


def test_the_test_certificates_are_what_they_say(tmp_path: Path, authority: Authority) -> None:
    """The helper's certificate ends when asked, so that the tests above rest on what they mean."""
    certificate, _ = authority.issue(tmp_path, days=3)
    read = x509.load_pem_x509_certificate(certificate.read_bytes())
    assert read.public_bytes(serialization.Encoding.PEM) == certificate.read_bytes()
    left = read.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    assert datetime.timedelta(days=2.9) < left < datetime.timedelta(days=3.1)
