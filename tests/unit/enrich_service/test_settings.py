"""The address on which the service listens, and the addresses that it refuses."""

from __future__ import annotations

import socket

import pytest
from pydantic import SecretStr

from common.settings.base import revealed
from common.settings.shared import OversightSettings
from contract.errors import EndpointUnavailableError, SettingsError
from contract.listening import split_bind, url_of
from enrich_service.settings import ServeSettings


def listen(bind: str, *, has_token: bool = False) -> socket.socket:
    return ServeSettings(bind=bind).listen(has_token=has_token)


@pytest.mark.parametrize(
    ("bind", "host", "port"),
    [
        ("127.0.0.1:8600", "127.0.0.1", 8600),
        ("[::1]:1", "::1", 1),
        ("localhost:0", "localhost", 0),
        ("10.1.2.3:80", "10.1.2.3", 80),
    ],
)
def test_host_and_port_are_split(bind: str, host: str, port: int) -> None:
    """IPv6 addresses are in brackets."""
    assert split_bind(bind, setting="OVERSIGHT_SERVE_BIND", port=8600) == (host, port)


@pytest.mark.parametrize(
    "bind", ["", "8600", ":8600", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "h:70000", "h:-1", "::1:8600", "h:８"]
)
def test_an_invalid_address_is_refused(bind: str) -> None:
    """The message shows the form."""
    with pytest.raises(SettingsError, match="expected HOST:PORT"):
        split_bind(bind, setting="OVERSIGHT_SERVE_BIND", port=8600)


@pytest.mark.parametrize("bind", ["0.0.0.0:0", "[::]:0"])
def test_an_address_open_to_others_needs_a_token(bind: str) -> None:
    """Without one anyone on the network could use the model."""
    with pytest.raises(SettingsError, match="no token is set; set OVERSIGHT_ENRICH_TOKEN"):
        listen(bind)


def test_with_a_token_it_listens_for_others() -> None:
    """The token keeps others out."""
    with listen("0.0.0.0:0", has_token=True) as listener:
        assert listener.getsockname()[1] > 0


@pytest.mark.parametrize("bind", ["127.0.0.1:0", "localhost:0", "127.8.8.8:0"])
def test_an_address_of_this_machine_only_needs_no_token(bind: str) -> None:
    """The demo and a local watcher use it."""
    with listen(bind) as listener:
        assert url_of(listener).startswith("http://")


def test_a_port_in_use_is_one_line() -> None:
    """The line says what to do."""
    with listen("127.0.0.1:0") as first:
        port = first.getsockname()[1]
        with pytest.raises(
            EndpointUnavailableError, match=rf"cannot listen on 127.0.0.1:{port}: address already in use"
        ) as error:
            listen(f"127.0.0.1:{port}")
    assert "--bind" in str(error.value)


@pytest.mark.parametrize("bind", ["no-such-host.invalid:0", "203.0.113.7:0", f"{'x' * 70}:0"])
def test_an_address_of_another_machine_is_refused(bind: str) -> None:
    """This machine cannot listen on it."""
    with pytest.raises(EndpointUnavailableError, match="cannot listen on"):
        listen(bind, has_token=True)


def test_the_token_is_not_in_the_printed_form() -> None:
    """A traceback or a log line may print the settings."""
    settings = OversightSettings(enrich_token=SecretStr("secret"))
    assert "secret" not in repr(settings)
    assert revealed(settings.enrich_token) == "secret"
