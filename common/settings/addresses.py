"""Checks of server addresses: which are valid, and which may receive a secret."""

from __future__ import annotations

from urllib.parse import urlsplit

from contract.errors import SettingsError
from contract.hosts import is_loopback


def check_url(value: str) -> str:
    """Return a server's address with a port and without a trailing slash. The default port is 443 or 80, by the scheme.

    Raises:
        ValueError: the scheme is not supported, host or port is missing or wrong, or the address has a query or a
        secret.
    """
    parts = urlsplit(value.strip())
    if parts.username or parts.password:
        raise ValueError(
            "an address must not contain a user name or password, because it appears in logs; set them in their own "
            "variables"
        )
    if parts.query or parts.fragment:
        raise ValueError(
            "an address must not contain `?` or `#`, because a key there would appear in logs; set keys in their own "
            "variables"
        )
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected an address with http:// or https://, such as https://elasticsearch.example:9200")
    try:
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    except ValueError:
        raise ValueError("the port must be a number from 1 to 65535") from None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}:{port}{parts.path.rstrip('/')}"


def refuse_plain_http(url: str, *, secret: bool, allowed: bool) -> None:
    """Refuse to send a key or token unencrypted to another machine.

    Raises:
        SettingsError: names the address and two ways to fix it.
    """
    parts = urlsplit(url)
    if secret and parts.scheme == "http" and not is_loopback(parts.hostname or "") and not allowed:
        raise SettingsError(
            f"{url} is plain HTTP to another machine, so a key, password or token would be sent unencrypted; "
            f"use https://, or set OVERSIGHT_ALLOW_PLAIN_HTTP=true if you trust the network"
        )
