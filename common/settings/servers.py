"""Settings of Oversight's own HTTP servers: the enrich service and the console."""

from __future__ import annotations

import ipaddress
import socket
from pathlib import Path
from typing import ClassVar, Self

from pydantic import Field, field_validator, model_validator

from common.access.forwarded import LOOPBACK
from common.server.tls import TlsFiles
from common.settings.base import Settings, listed
from contract import listening


class ServerSettings(Settings):
    """Base of the settings of an HTTP server."""

    port: ClassVar[int]
    """Usual port, for messages."""
    bearer_variable: ClassVar[str]
    """Variable of the token that clients send, for messages."""
    remedy: ClassVar[str]
    """What to do if other machines can reach the server and no token is set; `, or ...` follows."""

    bind: str = Field("", description="HOST:PORT to listen on; port 0 uses a free port.")
    hosts: str = Field(
        "",
        description="Host names that clients may use besides this machine's own, separated by commas, such as "
        "`soc.example`.",
    )
    trusted_proxies: str = Field(
        ",".join(LOOPBACK),
        description="Addresses or networks of trusted proxies, separated by commas: the server accepts "
        "`X-Forwarded-Proto` and `X-Forwarded-For` only from them.",
    )
    allow_no_token: bool = Field(
        False, description="Allow listening on an address that other machines can reach without a token."
    )
    tls_cert: Path | None = Field(
        None, description="PEM file of the server's certificate; if set, the server uses HTTPS."
    )
    tls_key: Path | None = Field(None, description="PEM file of the server certificate's key.")

    @property
    def host_names(self) -> tuple[str, ...]:
        """The host names, one by one."""
        return listed(self.hosts)

    @property
    def proxies(self) -> tuple[str, ...]:
        """The addresses and networks of trusted proxies, one by one."""
        return listed(self.trusted_proxies)

    def tls_files(self, client_ca: Path | None = None) -> TlsFiles | None:
        """The files of the server's certificate; None: plain HTTP."""
        if self.tls_cert is None or self.tls_key is None:
            return None
        return TlsFiles(self.prefix, self.tls_cert, self.tls_key, client_ca)

    def listen(self, *, has_token: bool) -> socket.socket:
        """Open the listening socket, before anything else starts.

        Args:
            has_token: clients need a token.
        Raises:
            SettingsError: `bind` is no address, or other machines can reach it and no token is set.
            EndpointUnavailableError: the system refuses the address.
        """
        return listening.listen(
            self.bind,
            setting=self.variable("bind"),
            port=self.port,
            guarded=has_token or self.allow_no_token,
            remedy=f"{self.remedy}, or listen on 127.0.0.1 "
            f"({self.variable('allow_no_token')}=true if something else controls who can reach it)",
        )

    @field_validator("hosts")
    @classmethod
    def _are_names(cls, value: str) -> str:
        for name in listed(value):
            if any(letter in name for letter in "/:@* "):
                raise ValueError(
                    "expected host names without scheme and port, separated by commas, such as soc.example"
                )
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _are_addresses(cls, value: str) -> str:
        for address in listed(value):
            try:
                ipaddress.ip_network(address, strict=False)
            except ValueError:
                raise ValueError(
                    "expected IP addresses or networks, separated by commas, such as 10.0.0.5,10.1.0.0/16"
                ) from None
        return value

    @model_validator(mode="after")
    def _tls_is_complete(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            of = self.prefix
            raise ValueError(f"only one of {of}TLS_CERT and {of}TLS_KEY is set; set both, or neither for plain HTTP")
        return self
