"""The ports that a user chooses for the demo."""

from __future__ import annotations

import re

import pytest

from contract.errors import InputError
from oversight.demo.ports import Ports, free_port


def test_free_ports_are_accepted_and_none_needs_no_check() -> None:
    Ports().check()
    Ports(console=free_port()).check()


def test_two_servers_cannot_share_a_port() -> None:
    port = free_port()
    with pytest.raises(InputError, match=re.escape(f"--engine-port and --console-port are both {port}")):
        Ports(engine=port, console=port).check()
