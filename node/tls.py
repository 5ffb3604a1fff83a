"""HTTPS by configuration: certificate and key from PEM files, read again when they change, without a restart.

A new pair is used from the next connection on; one that can't be used leaves the old one in place. Messages name the
files, never what is in the key.
"""

from __future__ import annotations

import logging
import os
import ssl
import stat
import time
from collections.abc import Callable

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ledger.errors import StartupError
from node.config import Config
from node.logs import event

log = logging.getLogger("usance.node")

FILE_BYTES_MAX = 1024 * 1024
DAY_S = 86_400
_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def _read(path: str, what: str, *, is_secret: bool = False) -> bytes:
    try:
        with open(path, "rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            data = file.read(FILE_BYTES_MAX)
    except OSError as error:
        raise StartupError(f"can't read {what} {path}: {error.strerror}; mend tls in node.toml") from None
    if is_secret and mode & 0o077:
        raise StartupError(f"{path} has mode {mode:04o}: others can read this key; chmod 600 {path}")
    return data


class Tls:
    """The certificate that a node shows. Owner: the event loop. `clock()`: Unix seconds."""

    def __init__(self, config: Config, folder: str, *, clock: Callable[[], float] = time.time) -> None:
        """Raises StartupError where the files can't be used, don't belong together, or have expired."""
        if not config.certificate or not config.private_key:
            raise StartupError("tls.certificate and tls.private_key go together: set both in node.toml, or neither")
        self._certificate = os.path.join(folder, config.certificate)
        self._private_key = os.path.join(folder, config.private_key)
        self._version_min = _VERSIONS[config.version_min]
        self._warning_s = config.expiry_warning_days * DAY_S
        self._clock = clock
        self._warned_s = 0.0
        self._seen = self._stat()
        self.not_after_s = 0.0
        """Unix seconds at which the certificate ends."""
        self.context = self._load()
        """For the next connection."""
        self._warn()

    def refresh(self) -> None:
        """Take the files on if they have changed; and warn, once a day, of a certificate that ends soon."""
        seen = self._stat()
        if seen != self._seen:
            try:
                self.context = self._load()
                log.info("the certificate was read again", extra=event("certificate", not_after_s=self.not_after_s))
                self._warned_s = 0.0
            except StartupError as error:
                log.error("the certificate stays as it was: %s", error.detail, extra=event("certificate-failed"))
            self._seen = seen
        self._warn()

    def _load(self) -> ssl.SSLContext:
        chain = _read(self._certificate, "the certificate")
        key = _read(self._private_key, "the certificate's key", is_secret=True)
        try:
            leaf = x509.load_pem_x509_certificates(chain)[0]
        except (ValueError, UnsupportedAlgorithm):
            raise StartupError(
                f"{self._certificate} holds no certificate: expected a PEM file, the chain in it"
            ) from None
        try:
            load_pem_private_key(key, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise StartupError(
                f"{self._private_key} holds no key that can be used: expected a PEM file without a passphrase"
            ) from None
        not_after_s = leaf.not_valid_after_utc.timestamp()
        if not_after_s <= self._clock():
            raise StartupError(
                f"the certificate {self._certificate} expired on {leaf.not_valid_after_utc:%F %R} UTC: renew it"
            )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = self._version_min
        try:
            context.load_cert_chain(self._certificate, self._private_key)
        except (ssl.SSLError, OSError):
            raise StartupError(
                f"{self._private_key} is not the key of {self._certificate}, or of a kind that isn't served"
            ) from None
        self.not_after_s = not_after_s
        return context

    def _warn(self) -> None:
        now = self._clock()
        if self.not_after_s - now < self._warning_s and now - self._warned_s >= DAY_S:
            self._warned_s = now
            left = (self.not_after_s - now) / DAY_S
            log.warning(
                "the certificate %s %s: renew it", self._certificate,
                f"ends in {left:.1f} days" if left > 0 else "has expired",
                extra=event("certificate-ends", not_after_s=self.not_after_s),
            )  # fmt: skip

    def _stat(self) -> tuple[object, ...]:
        found: list[object] = []
        for path in (self._certificate, self._private_key):
            try:
                state = os.stat(path)
                found.append((state.st_mtime_ns, state.st_ctime_ns, state.st_size, state.st_ino))
            except OSError:
                found.append(None)
        return tuple(found)
