"""Open the socket that a service listens on, before anything else starts. Refuse an unsafe address.

HOST:PORT ──▶ split_bind() ──▶ refuse if other machines reach it and no token is needed ──▶ a listening socket
"""

from __future__ import annotations

import ipaddress
import socket

from contract.errors import EndpointUnavailableError, SettingsError

BACKLOG = 1024
"""Connections that the kernel queues until we accept them."""


def split_bind(bind: str, *, setting: str, port: int) -> tuple[str, int]:
    """Host and port of `HOST:PORT`; IPv6 is in brackets, `[::1]:8600`.

    Args:
        bind: the value of the setting.
        setting: the environment variable, for the message.
        port: the port of the example in the message.
    Raises:
        SettingsError: the value has another form.
    """
    host, colon, number = bind.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        host = ""  # an IPv6 address without brackets: it is unclear where its port begins
    if not colon or not host or not (number.isascii() and number.isdigit()) or int(number) > 65535:
        raise SettingsError(
            f"{setting}={bind} is not an address to listen on; expected HOST:PORT such as 127.0.0.1:{port} or "
            f"[::1]:{port}"
        )
    return host, int(number)


def listen(bind: str, *, setting: str, port: int, guarded: bool, remedy: str) -> socket.socket:
    """Open a listening socket, so that a port in use is reported before anything else starts.

    Args:
        bind: HOST:PORT; port 0 takes a free one.
        setting: the environment variable of `bind`.
        port: the service's usual port, for messages.
        guarded: clients need a token, or the operator said that they need none.
        remedy: what to do about an address that is open to others and not guarded, as the end of a sentence.
    Raises:
        SettingsError: it is no address, or other machines could reach it unguarded.
        EndpointUnavailableError: the system refuses the address.
    """
    host, number = split_bind(bind, setting=setting, port=port)
    try:
        addresses = socket.getaddrinfo(host, number, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise EndpointUnavailableError(
            f"cannot listen on {bind}: {host!r} is not a name or address of this machine ({error}); set --bind"
        ) from None
    if not guarded and not all(is_loopback_address(str(address[0])) for *_, address in addresses):
        raise SettingsError(f"{bind} can be reached from other machines and no token is set; {remedy}")
    family, kind, protocol, _, address = addresses[0]
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise EndpointUnavailableError(
            f"cannot listen on {bind}: {(error.strerror or str(error)).lower()}; "
            f"stop the program that uses that port, or choose another with --bind HOST:PORT"
        ) from None
    return listener


def is_loopback_address(address: str) -> bool:
    """Whether only this machine reaches an address."""
    return ipaddress.ip_address(address.split("%")[0]).is_loopback


def url_of(listener: socket.socket, *, tls: bool = False) -> str:
    """`http://127.0.0.1:8600` of a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"
