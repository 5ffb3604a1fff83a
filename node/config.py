"""A node's configuration: `node.toml`, every setting with its meaning, default and bounds in one table.

The file that `usance node init` writes is made from the table, and so is the page in docs/configuration.md, so neither
can lag behind the code. Unknown settings and sections are refused.
"""

from __future__ import annotations

import ipaddress
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from node.logs import LEVELS
from proofs.checkpoint import check_origin
from proofs.errors import InputError

MIB = 1024 * 1024
PATH_CHARS_MAX = 4096
_LISTEN = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):([0-9]{1,5})")
_URL = re.compile(r"https?://[^\s/?#]+[^\s?#]*")
_HEX_KEY = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. `default` None: it must be given. `check` raises InputError, or returns the value to use."""

    section: str
    name: str
    default: Any
    meaning: str
    check: Callable[[Any], Any]

    @property
    def field(self) -> str:
        """How messages name it."""
        return f"{self.section}.{self.name}"

    @property
    def allowed(self) -> str:
        """What its values may be, in the words of its own refusal."""
        try:
            self.check(None)
        except InputError as error:
            return error.expected
        return "anything"


def _wrong(value: Any, expected: str) -> InputError:
    return InputError(f"{value!r} is not allowed"[:200], expected=expected)


def _origin(value: Any) -> str:
    if not isinstance(value, str):
        raise _wrong(value, "1 to 255 bytes without spaces, + or control characters")
    check_origin(value)
    return value


def parse_listen(value: Any) -> tuple[str, int]:
    """Host and port of `HOST:PORT`; port 0 means any free one. Raises InputError."""
    match = _LISTEN.fullmatch(value) if isinstance(value, str) else None
    if match is None or int(match[2]) > 65_535:
        raise _wrong(value, "HOST:PORT, as 127.0.0.1:8463 or [::1]:8463")
    host = match[1].strip("[]")
    if match[1].startswith("["):
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            raise _wrong(value, "an IPv6 address in brackets") from None
    return host, int(match[2])


def _integer(low: int, high: int) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        if type(value) is not int or not low <= value <= high:
            raise _wrong(value, f"an integer of {low} to {high}")
        return value

    return check


def _choice(*allowed: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if value not in allowed:
            raise _wrong(value, "one of " + ", ".join(allowed))
        return str(value)

    return check


def _list(pattern: re.Pattern[str], what: str) -> Callable[[Any], tuple[str, ...]]:
    def check(value: Any) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(v, str) and pattern.fullmatch(v) for v in value):
            raise _wrong(value, f"a list of {what}")
        return tuple(value)

    return check


def _path(value: Any) -> str:
    if not isinstance(value, str) or len(value) > PATH_CHARS_MAX or not value.isprintable():
        raise _wrong(value, "a file's path, or nothing")
    return value


def _metrics(value: Any) -> str | tuple[str, int]:
    if value in ("off", "main"):
        return str(value)
    try:
        return parse_listen(value)
    except InputError:
        raise _wrong(value, "off, main or HOST:PORT") from None


SETTINGS = (
    Setting("log", "origin", None,
            "The log's name for ever: in its first entry, its checkpoints and all that submitters sign.", _origin),
    Setting("http", "listen", "127.0.0.1:8463",
            "HOST:PORT to serve on; port 0 picks a free one and prints it.", parse_listen),
    Setting("http", "request_timeout_s", 30,
            "Seconds that a client may take to send one request's body (then 408), or take no byte of its answer.",
            _integer(1, 3600)),
    Setting("http", "idle_timeout_s", 120,
            "Seconds that a connection may be idle, or take to send a request's head. With a reverse proxy in front: "
            "longer than it keeps its own connections.", _integer(1, 86_400)),
    Setting("http", "connections_max", 4096,
            "Connections at a time; those beyond are closed at once.", _integer(1, 1_000_000)),
    Setting("http", "in_flight_bytes_max", 64 * MIB,
            "Bytes of requests being read, checked or queued; beyond it, writes get 503 with Retry-After.",
            _integer(8 * MIB, 4096 * MIB)),
    Setting("http", "streams_max", 64,
            "Clients of GET /records/stream at a time.", _integer(0, 10_000)),
    Setting("http", "metrics", "off",
            "Where GET /metrics answers: off; main: on http.listen, to whoever may read there; HOST:PORT: on a port of "
            "its own, without TLS and to whoever reaches it, so keep it on loopback or an inner network.", _metrics),
    Setting("writer", "queue_requests_max", 1024,
            "Requests that may wait for the writer; beyond it, writes get 503 with Retry-After.", _integer(1, 100_000)),
    Setting("writer", "group_records_max", 16_384,
            "Records in one durable write. Larger groups cost memory and latency, smaller ones fsyncs.",
            _integer(1024, 1_000_000)),
    Setting("writer", "disk_free_bytes_min", 256 * MIB,
            "Writes get 503 while the disk has less free than this, before anything is lost.", _integer(0, 2**50)),
    Setting("writer", "check_workers", 2,
            "Processes that check signatures and records before they are queued.", _integer(1, 64)),
    Setting("admission", "mode", "open",
            "open: any key whose first record is `party` may write; listed: only the parties below.",
            _choice("open", "listed")),
    Setting("admission", "parties", [],
            "Parties admitted where mode is listed: their first keys, 64 hexadecimal digits each.",
            _list(_HEX_KEY, "keys of 64 hexadecimal digits")),
    Setting("admission", "new_parties_per_hour", 3600,
            "Parties that may join an open log in an hour, all of them at once if need be; 0: any number.",
            _integer(0, 1_000_000)),
    Setting("admission", "readers", "public",
            "public: anybody may read; token: only who has a token of `usance node token`. Writing, the checkpoint, "
            "hash tiles, consistency proofs and keys' next numbers need none.", _choice("public", "token")),
    Setting("quota", "records_per_s", 0,
            "Records that one party may send in a second, those refused included; beyond, its batches get 429. "
            "0: any number. Set it where strangers may write.", _integer(0, 1_000_000)),
    Setting("quota", "bytes_per_s", 0,
            "Bytes of records that one party may send in a second, those refused included; 0: any number. "
            "With burst_s at 86400 it is a quota by the day.", _integer(0, 2**40)),
    Setting("quota", "steps_per_s", 131_072,
            "Steps (docs/spec.md, Limits) that one party's records may cost the writer in a second; 0: any number. "
            "The default is one full batch of the heaviest records; uses that reach a few payees stay far below.",
            _integer(0, 2**31)),
    Setting("quota", "burst_s", 10,
            "Seconds' worth that a party may send at once after a rest; never less than one full batch.",
            _integer(1, 86_400)),
    Setting("detect", "prints_max", 524_288,
            "Prints in one request to POST /detect.", _integer(1, 700_000)),
    Setting("detect", "prints_per_hour", 4_000_000,
            "Prints that one token may look up in an hour, all of them at once if need be; beyond, 429. A megabyte of "
            "English has about 75000. 0: any number.", _integer(0, 2**40)),
    Setting("detect", "set_bytes_max", 256 * MIB,
            "Bytes of a print set that an owner sends; a megabyte of English makes one of a megabyte.",
            _integer(1024, 2**40)),
    Setting("tls", "certificate", "",
            "Serve HTTPS with this certificate chain (PEM; the path is relative to the node's folder); empty: HTTP.",
            _path),
    Setting("tls", "private_key", "",
            "The certificate's key (PEM without a passphrase, mode 0600).", _path),
    Setting("tls", "version_min", "1.2",
            "The oldest TLS version that is spoken.", _choice("1.2", "1.3")),
    Setting("tls", "expiry_warning_days", 14,
            "Days before the certificate's end from which on the node warns, once a day.", _integer(0, 3650)),
    Setting("start", "witnesses", [],
            "Submission prefixes of witnesses that are asked at start; a witness that has seen a larger or another "
            "tree stops the start.", _list(_URL, "http or https URLs")),
    Setting("start", "witness_keys", [],
            "The witnesses' verifier keys (name+hash+key); with keys, only what they signed counts.",
            _list(re.compile(r"\S+\+[0-9a-f]{8}\+\S+"), "verifier keys")),
    Setting("stop", "grace_s", 30,
            "Seconds that a stop waits for requests under way; what was accepted is finished and answered.",
            _integer(0, 3600)),
    Setting("messages", "log_format", "text",
            "How messages are written to stderr: text, or json, one object a line.", _choice("text", "json")),
    Setting("messages", "log_level", "info",
            "The least level that is written.", _choice(*LEVELS)),
    Setting("messages", "access_log", "off",
            "A line for each request: off, failed (answers of 400 and above) or all. It has the client's address and "
            "the path, never a header, an argument or a body.", _choice("off", "failed", "all")),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Config:
    """A checked configuration; field names as in SETTINGS."""

    origin: str
    listen: tuple[str, int]
    request_timeout_s: int
    idle_timeout_s: int
    connections_max: int
    in_flight_bytes_max: int
    streams_max: int
    metrics: str | tuple[str, int]
    queue_requests_max: int
    group_records_max: int
    disk_free_bytes_min: int
    check_workers: int
    mode: str
    parties: tuple[str, ...]
    new_parties_per_hour: int
    readers: str
    records_per_s: int
    bytes_per_s: int
    steps_per_s: int
    burst_s: int
    prints_max: int
    prints_per_hour: int
    set_bytes_max: int
    certificate: str
    private_key: str
    version_min: str
    expiry_warning_days: int
    witnesses: tuple[str, ...]
    witness_keys: tuple[str, ...]
    grace_s: int
    log_format: str
    log_level: str
    access_log: str


def parse_config(text: str) -> Config:
    """Read `node.toml`. Raises InputError naming the setting and what was expected."""
    try:
        sections = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a number of thousands of digits is a ValueError of its own
        raise InputError(f"not TOML: {error}"[:200], field="node.toml", expected="a TOML file") from None
    known = {(setting.section, setting.name) for setting in SETTINGS}
    for section, values in sections.items():
        if not isinstance(values, dict) or section not in {name for name, _ in known}:
            raise InputError(
                f"unknown section [{section}]"[:200], field=section[:80],
                expected="one of " + ", ".join(sorted({name for name, _ in known})),
            )  # fmt: skip
        for name in values:
            if (section, name) not in known:
                raise InputError(
                    f"unknown setting {section}.{name}"[:200], field=f"{section}.{name}"[:80],
                    expected="one of " + ", ".join(sorted(n for s, n in known if s == section)),
                )  # fmt: skip
    checked = {}
    for setting in SETTINGS:
        value = sections.get(setting.section, {}).get(setting.name, setting.default)
        if value is None:
            raise InputError(f"{setting.field} is missing", field=setting.field, expected=setting.meaning)
        try:
            checked[setting.name] = setting.check(value)
        except InputError as error:
            raise InputError(f"{setting.field}: {error.detail}", field=setting.field, expected=error.expected) from None
    return Config(**checked)


def _toml(value: Any) -> str:
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return "[]" if value == [] else str(value)


def default_toml(*, origin: str) -> str:
    """The text of a new node's `node.toml`: every setting with its meaning; defaults are commented out."""
    lines = ["# Configuration of a Usance node. Commented settings show their defaults.", ""]
    section = ""
    for setting in SETTINGS:
        if setting.section != section:
            section = setting.section
            lines += [f"[{section}]"]
        lines += [f"# {setting.meaning}"]
        if setting.default is None:
            lines += [f"{setting.name} = {_toml(origin)}", ""]
        else:
            lines += [f"# {setting.name} = {_toml(setting.default)}", ""]
    return "\n".join(lines)


def config_page() -> str:
    """docs/configuration.md, whole: a table of every setting."""
    example = (
        f"```toml\n[log]\norigin = {_toml('log.example/uses')}\n\n[http]\nlisten = {_toml('0.0.0.0:8463')}\n```\n\n"
    )
    rows = ["| setting | default | allowed | meaning |", "|---|---|---|---|"]
    for setting in SETTINGS:
        default = "(must be given)" if setting.default is None else f"`{_toml(setting.default)}`"
        rows.append(f"| `{setting.field}` | {default} | {setting.allowed} | {setting.meaning} |")
    return (
        "# Configuration\n\n"
        + example
        + "`usance node init DIR` writes `DIR/node.toml` with every setting, its meaning "
        "and its default, read at start.\nA setting or section that is not below is refused, and so is a value outside "
        "of what is allowed: the node says\nwhich and does not start. `usance node run DIR --listen HOST:PORT` stands "
        "above `http.listen`.\n\n" + "\n".join(rows) + "\n"
    )
