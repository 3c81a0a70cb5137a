"""TLS of a server: its certificate and key, and optionally the authority for client certificates.

    files ──▶ checked at the start, before the server listens ──▶ one context for all connections

The files are read again when they change, so a renewed certificate needs no restart.
"""

from __future__ import annotations

import logging
import ssl
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from common.changed_files import ChangedFiles
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


class Contexts(ChangedFiles[ssl.SSLContext]):
    """The TLS context of the current files. Threads share it.

    Raises:
        SettingsError: a file is missing or is no PEM, or key and certificate do not match.
    """

    def __init__(self, files: TlsFiles) -> None:
        self.files = files
        super().__init__(
            [files.cert, files.key, files.client_ca],
            partial(context, files),
            log_change=_log_change,
            log_error=_log_error,
            look_every_s=0.0,
        )


def _log_change(_context: ssl.SSLContext) -> None:
    log.info("the certificate changed; the new one is in use", extra={"event.action": "tls-read"})


def _log_error(error: SettingsError, _context: ssl.SSLContext) -> None:
    log.error("%s; the previous certificate stays in use", error, extra={"event.action": "tls-refused"})


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
        path.read_bytes()
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
