"""The bearer tokens that clients may send: one from the environment, any number from a file.

    setting ─────┐
    tokens file ─┴─▶ digests ◀── compared in constant time with the digest of the client's token

The file has one token per line; `#` begins a comment. It is checked for changes at most once a second. If the changed
file is invalid, the previous tokens stay valid.

To rotate a token: add the new one to the file, give it to the clients, then delete the old one.

The gunicorn parent also reads the file, and a new worker starts with the parent's tokens. Otherwise a worker that
starts while the file is invalid would fail, and end the whole service.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import stat
from functools import partial
from pathlib import Path

from common.access.secret_lines import secret_lines
from common.changed_files import ChangedFiles
from contract.errors import SettingsError

log = logging.getLogger(__name__)

LEAST_LETTERS = 16
"""Minimum length of a token that other machines can try: 64 bits even in hex digits, which nobody can guess."""


class Tokens:
    """The valid tokens. Threads share it.

    Args:
        fixed: a token that stays valid as long as the process runs.
        file: tokens that may change while the process runs.
        setting, file_setting: names of both settings, for messages.
        open_to_others: other machines can try tokens, so each needs `LEAST_LETTERS`.
        quiet: do not log changes of the file; the workers do that.
    Raises:
        SettingsError: a token is too short; or the file cannot be read, has no token, or has a token that HTTP headers
            do not allow.
    """

    def __init__(
        self,
        fixed: str | None = None,
        file: Path | None = None,
        *,
        setting: str = "the token",
        file_setting: str = "the tokens file",
        open_to_others: bool = False,
        quiet: bool = False,
    ) -> None:
        least = LEAST_LETTERS if open_to_others else 1
        if fixed is not None and len(fixed) < least:
            raise SettingsError(f"{setting} {_too_short(len(fixed))}")
        self._fixed = () if fixed is None else (_digest(fixed.encode()),)
        self._file: ChangedFiles[tuple[bytes, ...]] | None = None
        if file is not None:
            self._file = ChangedFiles(
                [file],
                partial(read_tokens, file, setting=file_setting, least=least),
                log_change=self._log_change,
                log_error=self._log_error,
            )
        self.quiet = quiet

    @property
    def required(self) -> bool:
        """Whether clients need a token."""
        return bool(self._fixed) or self._file is not None

    def allow(self, sent: bytes) -> bool:
        """Whether the client's token is valid. The time this takes does not show how much of the token was right."""
        digest, allowed = _digest(sent), False
        for token in self.digests():
            allowed |= hmac.compare_digest(digest, token)
        return allowed

    def digests(self) -> tuple[bytes, ...]:
        """Return the digests of the tokens that are valid now."""
        return self._fixed if self._file is None else (*self._fixed, *self._file.content())

    def _log_change(self, tokens: tuple[bytes, ...]) -> None:
        if not self.quiet:
            log.info(
                "the tokens file changed: %d tokens are valid now", len(tokens), extra={"event.action": "tokens-read"}
            )

    def _log_error(self, error: SettingsError, _tokens: tuple[bytes, ...]) -> None:
        if not self.quiet:
            log.error("%s; the previous tokens stay valid", error, extra={"event.action": "tokens-refused"})


def read_tokens(path: Path, *, setting: str, least: int = 1) -> tuple[bytes, ...]:
    """Read the tokens of a file and return their digests.

    Raises:
        SettingsError: as for `Tokens`. It names the line, never its content.
    """
    lines = secret_lines(
        path,
        setting=setting,
        if_no_text="write one token per line",
        if_unreadable="create a file that this user may read, with one token per line",
    )
    tokens = []
    for number, token in lines:
        if not all("!" <= letter <= "~" for letter in token):
            raise SettingsError(
                f"{setting}={path}: line {number} has a space or a character that HTTP headers do not allow; "
                f"expected one token per line in printable ASCII"
            )
        if len(token) < least:
            raise SettingsError(f"{setting}={path}: the token in line {number} {_too_short(len(token))}")
        tokens.append(_digest(token.encode()))
    if not tokens:
        raise SettingsError(f"{setting}={path} holds no token; write one per line, or leave the setting out")
    return tuple(tokens)


def _too_short(n: int) -> str:
    """Return the end of an error message."""
    return (
        f"has {n} characters; an address that other machines can reach needs at least {LEAST_LETTERS}. "
        f"Make one with `openssl rand -hex 32`"
    )


def warn_if_open(path: Path, *, setting: str) -> None:
    """Log a warning if every user of this machine may read the tokens file."""
    if path.stat().st_mode & stat.S_IROTH:
        log.warning("%s=%s can be read by every user of this machine; run `chmod 600` on it", setting, path)


def _digest(token: bytes) -> bytes:
    """Return a digest. Digests have equal length, so a comparison does not show the length of a token."""
    return hashlib.sha256(token).digest()
