"""TLS of a server: a certificate and its key, and, if clients must have one too, the authority that signed theirs.

files ──▶ checked at the start, before anything listens ──▶ one context for all connections
                                                                └─ read again when a file changed: a renewed
                                                                   certificate needs no restart
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
    """PEM files, and the settings that name them: `PREFIXTLS_CERT`, `TLS_KEY` and `TLS_CLIENT_CA`."""

    prefix: str
    cert: Path
    """The certificate, with those between it and its authority behind it."""
    key: Path
    client_ca: Path | None = None
    """Clients must show a certificate that one of these signed."""


class Contexts:
    """The context of the files as they are; threads share it.

    Raises:
        SettingsError: a file is missing, is no PEM, or key and certificate do not belong together.
    """

    def __init__(self, files: TlsFiles) -> None:
        self.files = files
        self._lock = threading.Lock()
        self._seen = self._state()
        self._context = context(files)

    def current(self) -> ssl.SSLContext:
        """The context to answer the next connection with."""
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
        found: list[tuple[int, int] | None] = []
        for path in (self.files.cert, self.files.key, self.files.client_ca):
            try:
                state = None if path is None else path.stat()
            except OSError:
                state = None
            found.append(None if state is None else (state.st_mtime_ns, state.st_ino))
        return found


def context(files: TlsFiles) -> ssl.SSLContext:
    """A context of TLS 1.2 and newer.

    Raises:
        SettingsError: names the setting and what is wrong with its file.
    """
    cert, key, client_ca = (f"{files.prefix}TLS_{name}" for name in ("CERT", "KEY", "CLIENT_CA"))
    for name, path in ((cert, files.cert), (key, files.key), (client_ca, files.client_ca)):
        if path is not None:
            _readable(name, path)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        made.load_cert_chain(files.cert, files.key, password=_no_password)
    except (ssl.SSLError, OSError, ValueError) as error:
        raise SettingsError(
            f"{cert}={files.cert} and {key}={files.key} are not a certificate and its key "
            f"({_reason(error)}); expected PEM, the key without a password"
        ) from None
    if files.client_ca is not None:
        try:
            made.load_verify_locations(files.client_ca)
        except (ssl.SSLError, OSError) as error:
            raise SettingsError(
                f"{client_ca}={files.client_ca} holds no certificate ({_reason(error)}); expected PEM"
            ) from None
        made.verify_mode = ssl.CERT_REQUIRED
    return made


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
    """Instead of asking at the terminal, for which nobody may be there."""
    raise ValueError("the key is protected by a password")


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", None) or str(error)
    return str(reason).lower().replace("_", " ")
