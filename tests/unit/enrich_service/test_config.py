"""Where the service listens, and what it refuses to listen on."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.errors import EndpointUnavailableError, SettingsError
from enrich_service.config import AppConfig, ServeConfig, listen, split_bind, url_of


def config(bind: str, token: str | None = None) -> ServeConfig:
    return ServeConfig(model=Path("model.onnx"), bind=bind, app=AppConfig(token=token))


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
    """IPv6 stands in brackets."""
    assert split_bind(bind) == (host, port)


@pytest.mark.parametrize(
    "bind", ["", "8600", ":8600", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "h:70000", "h:-1", "::1:8600", "h:８"]
)
def test_what_is_no_address_is_refused(bind: str) -> None:
    """The message shows the form."""
    with pytest.raises(SettingsError, match="expected HOST:PORT"):
        split_bind(bind)


@pytest.mark.parametrize("bind", ["0.0.0.0:0", "[::]:0"])
def test_an_address_open_to_others_needs_a_token(bind: str) -> None:
    """Without one anybody on the network could ask the model."""
    with pytest.raises(SettingsError, match="no token is set; set OVERSIGHT_ENRICH_TOKEN"):
        listen(config(bind))


def test_with_a_token_it_listens_for_others() -> None:
    """The token is what keeps others out."""
    with listen(config("0.0.0.0:0", token="secret")) as listener:
        assert listener.getsockname()[1] > 0


@pytest.mark.parametrize("bind", ["127.0.0.1:0", "localhost:0", "127.8.8.8:0"])
def test_this_machine_alone_needs_no_token(bind: str) -> None:
    """The demo and a watcher beside it."""
    with listen(config(bind)) as listener:
        assert url_of(listener).startswith("http://")


def test_a_taken_port_is_said_in_one_line() -> None:
    """And the way out with it."""
    with listen(config("127.0.0.1:0")) as first:
        port = first.getsockname()[1]
        with pytest.raises(
            EndpointUnavailableError, match=rf"cannot listen on 127.0.0.1:{port}: address already in use"
        ) as error:
            listen(config(f"127.0.0.1:{port}"))
    assert "--bind" in str(error.value)


@pytest.mark.parametrize("bind", ["no-such-host.invalid:0", "203.0.113.7:0", f"{'x' * 70}:0"])
def test_an_address_of_another_machine_is_refused(bind: str) -> None:
    """It cannot be listened on from here."""
    with pytest.raises(EndpointUnavailableError, match="cannot listen on"):
        listen(config(bind, token="secret"))


def test_the_token_is_not_in_the_printed_form() -> None:
    """A traceback or a log line may print the settings."""
    assert "secret" not in repr(config("127.0.0.1:0", token="secret"))
