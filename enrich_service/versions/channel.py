"""How the parent hands an accepted model to a worker that already runs: one message, the bytes as file descriptors.

    parent ── {"round": 3, "models": [active, shadow]}, descriptors    ──▶ worker: reads, opens, serves it
           ◀── [round, version that it serves now, problem] ──

The descriptors are of files that have no name: nobody can change what is in them, and nothing is left behind when the
processes end. So every worker opens the very bytes that were tried, whatever happens to the model folder meanwhile.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from enrich_service.model.model_file import ModelFile, not_that_version, of_bytes

MAX_MESSAGE_BYTES = 16 * 1024
CHUNK_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Chosen:
    """What all workers are to serve."""

    active: ModelFile
    shadow: ModelFile | None = None

    @property
    def versions(self) -> tuple[str, str | None]:
        """Of the active model and of the shadow."""
        return self.active.version, None if self.shadow is None else self.shadow.version

    @property
    def models(self) -> tuple[ModelFile, ...]:
        """Those that there are."""
        return (self.active,) if self.shadow is None else (self.active, self.shadow)


@dataclass(frozen=True, slots=True)
class Report:
    """A worker's word on one round: which version it serves now, and what kept it from the one it was told."""

    round: int
    version: str
    problem: str | None = None


class Channel:
    """One end of the line between the parent and a worker."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line

    @classmethod
    def pair(cls) -> tuple[Channel, Channel]:
        """Both ends; made before the fork."""
        one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        return cls(one), cls(other)

    def close(self) -> None:
        """Give this end back."""
        self._line.close()

    def tell(self, chosen: Chosen, number: int) -> None:
        """The parent's message. Never waits: a worker that reads nothing is stuck, and is replaced anyway.

        Raises:
            OSError: it could not be sent, or there is no room for the bytes.
        """
        message = {"round": number, "models": [[str(m.path), m.sha256, len(m.data)] for m in chosen.models]}
        with contextlib.ExitStack() as files:
            descriptors = [files.enter_context(_nameless(model.data)) for model in chosen.models]
            socket.send_fds(self._line, [json.dumps(message).encode()], descriptors, socket.MSG_DONTWAIT)

    def told(self, *, wait_s: float | None = None) -> tuple[Chosen, int] | None:
        """The worker's side: the next message; None if none comes in that time.

        Raises:
            ArtifactError: what came is not what was tried.
            OSError: the parent is gone.
        """
        self._line.settimeout(wait_s)
        try:
            data, descriptors, _, _ = socket.recv_fds(self._line, MAX_MESSAGE_BYTES, 2)
        except TimeoutError:
            return None
        try:
            message = json.loads(data)
            models = [
                _model(Path(path), sha256, _content(descriptor, size))
                for (path, sha256, size), descriptor in zip(message["models"], descriptors, strict=True)
            ]
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        return Chosen(*models), int(message["round"])

    def report(self, report: Report) -> None:
        """The worker's answer."""
        data = json.dumps([report.round, report.version, report.problem and report.problem[:1000]]).encode()
        with contextlib.suppress(OSError):
            self._line.send(data, socket.MSG_DONTWAIT)

    def reports(self) -> Iterator[Report]:
        """The parent's side: the answers that have come so far."""
        with contextlib.suppress(OSError):
            while data := self._line.recv(MAX_MESSAGE_BYTES, socket.MSG_DONTWAIT):
                yield Report(*json.loads(data))


@contextlib.contextmanager
def _nameless(data: bytes) -> Iterator[int]:
    """A file descriptor whose file has these bytes and no name."""
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        yield file.fileno()


def _content(descriptor: int, size: int) -> bytes:
    """All bytes of a file; its place is shared with other workers, so it is not moved."""
    parts: list[bytes] = []
    at = 0
    while at < size and (part := os.pread(descriptor, min(CHUNK_BYTES, size - at), at)):
        parts.append(part)
        at += len(part)
    return b"".join(parts)


def _model(path: Path, sha256: str, data: bytes) -> ModelFile:
    model = of_bytes(path, data)
    if model.sha256 != sha256:
        raise not_that_version(model, sha256)
    return model
