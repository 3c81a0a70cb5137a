"""A live interface: what is needed to read it, and what it gives."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from itertools import chain

import pytest

from contract.errors import InputError
from sensor.capture.counts import Counts
from sensor.capture.interface import listen
from sensor.capture.tracker import track

WITHOUT_RIGHTS = """
import os, threading
from contract.errors import InputError
from sensor.capture.counts import Counts
from sensor.capture.interface import listen
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    next(listen("lo", Counts(), threading.Event()))
except InputError as error:
    print(error)
"""


def test_an_unknown_interface_is_named_with_those_that_there_are() -> None:
    with pytest.raises(InputError, match=r"no interface 'eth99' here; this machine has .*lo"):
        next(listen("eth99", Counts(), threading.Event()))


def test_without_rights_the_message_says_what_to_do() -> None:
    run = subprocess.run([sys.executable, "-c", WITHOUT_RIGHTS], capture_output=True, text=True, check=True)
    assert "this process may not read the interface 'lo': it needs the capability CAP_NET_RAW." in run.stdout
    assert "sudo setcap cap_net_raw=ep " in run.stdout


def test_packets_of_an_interface_become_flows() -> None:
    """On loopback each packet is there twice, sent and received: it counts once."""
    if os.geteuid() != 0:
        pytest.skip("only root may read an interface")
    stop, left = threading.Event(), 3
    with socket.socket(type=socket.SOCK_DGRAM) as server, socket.socket(type=socket.SOCK_DGRAM) as client:
        server.bind(("127.0.0.1", 0))
        client.connect(server.getsockname())
        ends, port = client.getsockname(), server.getsockname()[1]
        packets = listen("lo", Counts(), stop)
        taken = [next(packets)]  # it listens from here on
        for number in range(left):
            client.send(bytes(number))
        while left:
            taken.append(next(packets))
            left -= taken[-1].data[36:38] == port.to_bytes(2, "big")
        stop.set()
        taken += packets
    (flow,) = [flow for flow in chain.from_iterable(track(taken, Counts())) if flow.destination_port == port]
    assert (flow.source, flow.source_port) == ends
    assert (flow.source_packets, flow.source_bytes, flow.state) == (3, 3, "S0")
    assert all(time.time_ns() - packet.time_ns < 600_000_000_000 for packet in taken)
