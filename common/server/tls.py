"""TLS of a server: its certificate and key, and optionally the authority for client certificates.

    files ──▶ checked at the start, before the server listens ──▶ one context for all connections

The files are read again when they change, so a renewed certificate needs no restart.
"""

from __future__ import annotations

import logging
import ssl
import threading
from dataclasses import dataclass
from pathlib import Path

from contract.errors import SettingsError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files and their settings: `PREFIXTLS_CERT`, `TLS_KEY` and `TLS_CLIENT_CA`."""

    prefix: str
    cert: Path
    """The certificate, followed by the intermediate certificates."""
    key: Path
    client_ca: Path | None = None
    """Clients must send a certificate that one of these authorities signed."""


class Contexts:
    """The TLS context of the current files. Threads share it.

    Raises:
        SettingsError: a file is missing or is no PEM, or key and certificate do not match.
    """

    def __init__(self, files: TlsFiles) -> None:
        self.files = files
        self._lock = threading.Lock()
        self._seen = self._state()
        self._context = context(files)

    def current(self) -> ssl.SSLContext:
        """Return the TLS context for the next connection."""
        state = self._state()
        with self._lock:
            if state != self._seen:
                self._seen = state
                try:
                    self._context = context(self.files)
                    log.info("the certificate changed; the new one is in use", extra={"event.action": "tls-read"})
                except SettingsError as error:
                    log.error("%s; the previous certificate stays in use", error, extra={"event.action": "tls-refused"})
            return self._context

    def _state(self) -> list[tuple[int, int] | None]:
        states: list[tuple[int, int] | None] = []
        for path in (self.files.cert, self.files.key, self.files.client_ca):
            try:
                state = None if path is None else path.stat()
            except OSError:
                state = None
            states.append(None if state is None else (state.st_mtime_ns, state.st_ino))
        return states


def context(files: TlsFiles) -> ssl.SSLContext:
    """Create a context for TLS 1.2 and newer.

    Raises:
        SettingsError: names the setting and what is wrong with its file.
    """
    cert, key, client_ca = (f"{files.prefix}TLS_{name}" for name in ("CERT", "KEY", "CLIENT_CA"))
    for name, path in ((cert, files.cert), (key, files.key), (client_ca, files.client_ca)):
        if path is not None:
            _readable(name, path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        tls.load_cert_chain(files.cert, files.key, password=_no_password)
    except (ssl.SSLError, OSError, ValueError) as error:
        raise SettingsError(
            f"{cert}={files.cert} and {key}={files.key} are not a certificate and its key "
            f"({_reason(error)}); expected PEM, the key without a password"
        ) from None
    if files.client_ca is not None:
        try:
            tls.load_verify_locations(files.client_ca)
        except (ssl.SSLError, OSError) as error:
            raise SettingsError(
                f"{client_ca}={files.client_ca} holds no certificate ({_reason(error)}); expected PEM"
            ) from None
        tls.verify_mode = ssl.CERT_REQUIRED
    return tls


def _readable(name: str, path: Path) -> None:
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise SettingsError(
            f"{name}={path} cannot be read ({(error.strerror or str(error)).lower()}); name a PEM file that "
            "this user may read"
        ) from None


def _no_password() -> str:
    """Fail instead of asking for a password at the terminal, where nobody may be."""
    raise ValueError("the key is protected by a password")


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", None) or str(error)
    return str(reason).lower().replace("_", " ")
