"""Clients that misbehave below TLS and inside it.

no handshake, or half of one ────────────────┐
a handshake, then no HTTP, or nothing more ──┴─▶ the TLS port ──▶ the connection ends, or an answer in JSON
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
from collections.abc import Callable
from functools import partial
from random import Random

from benchmarks.enrich_service.fuzz.bodies import dump, valid
from benchmarks.enrich_service.fuzz.sockets import Sent, answers, connect, head_of, read_all
from contract.artifact.contract import ModelContract

HELLO = bytes.fromhex("160301020001fc0303") + bytes(range(256)) + bytes(252)
"""Bytes that start like the first record of a handshake."""

Client = Callable[[str, ModelContract, Random], Sent]


def no_handshake(url: str, contract: ModelContract, random: Random) -> Sent:
    """Random bytes, plain HTTP, records with a wrong length, alerts."""
    path, page = valid(contract, random)
    data = random.choice(
        (
            head_of(path, len(dump(page))) + dump(page),
            random.randbytes(random.randrange(1, 2000)),
            b"\x16\x03\x01\xff\xff" + bytes(500),
            b"\x15\x03\x01\x00\x02\x02\x28",
            HELLO,
            HELLO * 50,
            b"\x80\x2e\x01\x00\x02" + bytes(60),
            b"\x16",
            b"",
        )
    )
    _until_the_end(url, data)
    return 1, []


def half_a_handshake(url: str, _contract: ModelContract, random: Random) -> Sent:
    """A real first record, cut or with a bit changed, then a reset or a close."""
    hello = bytearray(_hello())
    if random.random() < 0.5:
        hello[random.randrange(len(hello))] ^= 1 << random.randrange(8)
    else:
        del hello[random.randrange(1, len(hello)) :]
    if random.random() < 0.5:
        _until_the_end(url, bytes(hello))
        return 1, []
    with connect(url) as connection:
        connection.sendall(hello)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return 1, []


def inside(context: ssl.SSLContext, url: str, contract: ModelContract, random: Random) -> Sent:
    """A whole handshake, then a request, half a request, random bytes, bytes below TLS, or nothing."""
    path, page = valid(contract, random)
    request = head_of(path, len(dump(page))) + dump(page)
    kind = random.choice(("whole", "half", "noise", "below", "nothing"))
    with connect(url) as connection, context.wrap_socket(connection, server_hostname="127.0.0.1") as secured:
        with contextlib.suppress(OSError):
            if kind == "whole":
                secured.sendall(request)
            elif kind == "half":
                secured.sendall(request[: random.randrange(1, len(request))])
                secured.shutdown(socket.SHUT_WR)
            elif kind == "noise":
                secured.sendall(random.randbytes(300) + b"\r\n\r\n")
            elif kind == "below":
                socket.socket.sendall(secured, random.randbytes(300))
            else:
                secured.shutdown(socket.SHUT_WR)
        try:
            return 1, answers(read_all(secured))
        except ssl.SSLError:  # the answer is no longer TLS
            return 1, []


def clients(context: ssl.SSLContext) -> dict[str, tuple[Client, bool]]:
    """All kinds by name, in the form of `service.clients`.

    Args:
        context: a client's TLS context that trusts the service.
    """
    kinds: dict[str, Client] = {
        "no TLS at all": no_handshake,
        "half a handshake": half_a_handshake,
        "inside TLS": partial(inside, context),
    }
    return {name: (client, False) for name, client in kinds.items()}


def _hello() -> bytes:
    """The first record that a client sends."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    side = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    with contextlib.suppress(ssl.SSLWantReadError):
        side.do_handshake()
    return outgoing.read()


def _until_the_end(url: str, data: bytes) -> None:
    """Send bytes and wait until the service closes the connection; it answers with a TLS alert at most."""
    with connect(url) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
        read_all(connection)
