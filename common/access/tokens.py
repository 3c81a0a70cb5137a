"""The bearer tokens that a client may show: one from the environment, any number from a file that may change meanwhile.

    the setting ─┐                          a line a token, `#` begins a comment
    tokens file ─┴─▶ digests ◀── compared with the digest of what a client sent, all of them, in constant time
        └─ looked at once a second at most; a file that went bad leaves the last good tokens in force

To rotate: add the new token to the file, give it to the clients, take the old one out.

The process that forks the workers looks at the file as well, and a worker begins with what holds there: one that is
replaced while the file is bad could read no token, and would end the whole service.
"""

from __future__ import annotations

import copy
import hashlib
import hmac
import logging
import stat
import threading
import time
from pathlib import Path

from contract.errors import SettingsError

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
LEAST_LETTERS = 16
"""Of a token that other machines can try: 64 bits even in hex digits. Nobody guesses so many over a network."""


class Tokens:
    """Who may ask. Threads share it.

    Args:
        fixed: a token that holds as long as the process runs.
        file: tokens that may change meanwhile.
        setting, file_setting: what both are called, for messages.
        open_to_others: other machines can try tokens, so each needs `LEAST_LETTERS`.
        quiet: say nothing of a change; those who ask for tokens do.
    Raises:
        SettingsError: a token is too short; the file cannot be read, holds no token, or holds one that no HTTP header
        takes.
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
        self._least = LEAST_LETTERS if open_to_others else 1
        if fixed is not None and len(fixed) < self._least:
            raise SettingsError(f"{setting} {_too_short(len(fixed))}")
        self._fixed = () if fixed is None else (_digest(fixed.encode()),)
        self._file, self._file_setting, self._quiet = file, file_setting, quiet
        self._looked_s = time.monotonic()
        self._lock = threading.Lock()
        self._seen = None if file is None else _state(file)
        self._from_file = () if file is None else self._read(file)

    @property
    def required(self) -> bool:
        """Whether a token is asked for at all."""
        return bool(self._fixed) or self._file is not None

    def allow(self, sent: bytes) -> bool:
        """Whether what a client sent is one of the tokens, in a time that does not tell how much of it was right."""
        self.look()
        digest, found = _digest(sent), False
        for token in (*self._fixed, *self._from_file):
            found |= hmac.compare_digest(digest, token)
        return found

    def inherited(self) -> Tokens:
        """The same tokens for a worker that was just forked, which speaks of their changes."""
        mine = copy.copy(self)
        mine._quiet, mine._lock = False, threading.Lock()
        return mine

    def look(self) -> None:
        """Read the file again where it changed; one thread looks, the others go on with what holds."""
        if self._file is None or time.monotonic() - self._looked_s < LOOK_EVERY_S or not self._lock.acquire(False):
            return
        try:
            self._looked_s = time.monotonic()
            state = _state(self._file)
            if state == self._seen:
                return
            self._seen = state
            self._from_file = self._read(self._file)
            if self._quiet:
                return
            log.info(
                "the tokens file changed: %d tokens are valid now",
                len(self._from_file),
                extra={"event.action": "tokens-read"},
            )
        except SettingsError as error:
            if not self._quiet:
                log.error("%s; the previous tokens stay valid", error, extra={"event.action": "tokens-refused"})
        finally:
            self._lock.release()

    def _read(self, path: Path) -> tuple[bytes, ...]:
        return read_tokens(path, setting=self._file_setting, least=self._least)


def read_tokens(path: Path, *, setting: str, least: int = 1) -> tuple[bytes, ...]:
    """Digests of the tokens of a file.

    Raises:
        SettingsError: as `Tokens`; names the line and never what stands in it.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise SettingsError(f"{setting}={path} is not UTF-8 text; write one token per line") from None
    except OSError as error:
        raise SettingsError(
            f"{setting}={path} cannot be read ({(error.strerror or str(error)).lower()}); "
            f"create a file that this user may read, with one token per line"
        ) from None
    tokens = []
    for number, line in enumerate(lines, 1):
        token = line.strip()
        if not token or token.startswith("#"):
            continue
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
    """The end of the message."""
    return (
        f"has {n} characters; an address that other machines can reach needs at least {LEAST_LETTERS}. "
        f"Make one with `openssl rand -hex 32`"
    )


def warn_if_open(path: Path, *, setting: str) -> None:
    """Say that every user of the machine may read the tokens."""
    if path.stat().st_mode & stat.S_IROTH:
        log.warning("%s=%s can be read by every user of this machine; run `chmod 600` on it", setting, path)


def _state(path: Path) -> tuple[int, int, int] | None:
    """What changes when a file is written or replaced; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _digest(token: bytes) -> bytes:
    """Digests are of one length: comparing them does not tell how long a token is."""
    return hashlib.sha256(token).digest()
