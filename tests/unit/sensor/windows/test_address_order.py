"""The blocks of hosts stay few, which keeps the time for a connection constant."""

from __future__ import annotations

import random
from itertools import pairwise

from sensor.windows.address_order import BLOCK_HOSTS, AddressOrder, Host
from sensor.windows.tally import ONE


def test_blocks_stay_few_while_hosts_come_and_go() -> None:
    """No block is too large, and two neighbours always have more than half a block, so a window has few steps."""
    chance, order, known = random.Random(1), AddressOrder(), list[Host]()
    for number in range(6000):
        if known and chance.random() < (0.3 if number < 3000 else 0.7):
            order.remove(known.pop(chance.randrange(len(known))))
        else:
            host = Host(f"10.{chance.randrange(4)}.{number >> 8}.{number & 255}", 255)
            order.insert(host)
            host.add("http", ONE, 1024)
            known.append(host)
        sizes = [len(block.hosts) for block in order._blocks]
        assert sum(sizes) == len(known)
        assert max(sizes, default=1) <= BLOCK_HOSTS
        assert min(sizes, default=1) >= 1
        assert all(low + high > BLOCK_HOSTS // 2 for low, high in pairwise(sizes))
