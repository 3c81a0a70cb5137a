"""Send an accepted model from the parent to a running worker: one message, with the bytes as file descriptors.

    parent ── {"round": 3, "models": [active, shadow]}, descriptors    ──▶ worker: reads, opens, serves them
           ◀── 3, once it serves them ──

The files behind the descriptors have no name: nobody can change them, and nothing is left when the processes end. So
every worker opens exactly the bytes that were tried, whatever happens to the model folder in the meantime.
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
from typing import BinaryIO

from contract.artifact.file import ModelFile, of_bytes
from enrich_service.model.model_file import not_that_version

MAX_MESSAGE_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class Chosen:
    """The models that all workers must serve."""

    active: ModelFile
    shadow: ModelFile | None = None

    @property
    def versions(self) -> tuple[str, str | None]:
        """Versions of the active model and of the shadow."""
        return self.active.version, None if self.shadow is None else self.shadow.version

    @property
    def models(self) -> tuple[ModelFile, ...]:
        """The active model, and the shadow if there is one."""
        return (self.active,) if self.shadow is None else (self.active, self.shadow)


class Channel:
    """One end of the line between the parent and a worker."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line

    @classmethod
    def pair(cls) -> tuple[Channel, Channel]:
        """Create both ends, before the fork."""
        one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        return cls(one), cls(other)

    def close(self) -> None:
        """Close this end."""
        self._line.close()

    def tell(self, chosen: Chosen, number: int) -> None:
        """Send models to the worker. Never waits: gunicorn replaces a worker that reads nothing.

        Raises:
            OSError: the message cannot be sent, or there is no space for the bytes.
        """
        message = {"round": number, "models": [[str(model.path), model.sha256] for model in chosen.models]}
        with contextlib.ExitStack() as stack:
            descriptors = []
            for model in chosen.models:
                file = stack.enter_context(tempfile.TemporaryFile())
                file.write(model.data)
                file.flush()
                descriptors.append(file.fileno())
            socket.send_fds(self._line, [json.dumps(message).encode()], descriptors, socket.MSG_DONTWAIT)

    def told(self, *, wait_s: float | None = None) -> tuple[Chosen, int] | None:
        """Receive the next models in the worker; None if no message comes in that time.

        Raises:
            ArtifactError: these are not the bytes that were tried.
            OSError: the parent has ended.
        """
        self._line.settimeout(wait_s)
        try:
            data, descriptors, _, _ = socket.recv_fds(self._line, MAX_MESSAGE_BYTES, 2)
        except TimeoutError:
            return None
        with contextlib.ExitStack() as stack:
            files = [stack.enter_context(os.fdopen(descriptor, "rb")) for descriptor in descriptors]
            message = json.loads(data)
            sent = zip(message["models"], files, strict=True)
            models = [_model(Path(path), sha256, file) for (path, sha256), file in sent]
        return Chosen(*models), int(message["round"])

    def report(self, number: int) -> None:
        """Tell the parent that this worker serves the models of this round."""
        with contextlib.suppress(OSError):
            self._line.send(str(number).encode(), socket.MSG_DONTWAIT)

    def reports(self) -> Iterator[int]:
        """Receive in the parent the rounds that this worker has reported since the last call."""
        with contextlib.suppress(OSError):
            while data := self._line.recv(MAX_MESSAGE_BYTES, socket.MSG_DONTWAIT):
                yield int(data)


def _model(path: Path, sha256: str, file: BinaryIO) -> ModelFile:
    file.seek(0)  # the parent's position, after its last write, comes with the descriptor
    model = of_bytes(path, file.read())
    if model.sha256 != sha256:
        raise not_that_version(model, sha256)
    return model
