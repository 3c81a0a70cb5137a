"""Ports of this machine: free ones, and those that a user chose for the demo."""

from __future__ import annotations

import socket
from collections import Counter
from dataclasses import asdict, dataclass

from contract.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The chosen port of each of the demo's servers; None: any free port."""

    engine: int | None = None
    enrich: int | None = None
    console: int | None = None

    def check(self) -> None:
        """Check that the chosen ports differ and that no program listens on them.

        Raises:
            InputError: names the option and the port.
        """
        chosen = {name: port for name, port in asdict(self).items() if port is not None}
        for port, users in Counter(chosen.values()).items():
            if users > 1:
                options = " and ".join(f"--{name}-port" for name, one in chosen.items() if one == port)
                raise InputError(f"{options} are both {port}; each server needs a port of its own")
        for name, port in chosen.items():
            try:
                socket.create_server(("127.0.0.1", port)).close()
            except OSError as error:
                raise InputError(
                    f"--{name}-port: cannot listen on 127.0.0.1:{port} ({error.strerror}); choose another port, or "
                    f"leave the option out for a free one"
                ) from None


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that no program listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
