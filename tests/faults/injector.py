"""What goes wrong with a request, and with which ones.

    request ──▶ Injector ──▶ the real server ──▶ answer        most of them
                   └──▶ a damage: before, in place of, in the middle of or after the real answer

A damage gets the call and a function that asks the real server; None means that this request cannot be damaged so.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.integration.watcher.proxy import DROP, Call, FaultProxy, Reply

Forward = Callable[[], Reply]
Damage = Callable[[Call, Forward], Reply | None]
HANG_S = 20.0
"""Longer than any timeout of the watchers under test."""


class Injector:
    """Damages some requests: the first ones by a script, the others by chance.

    Args:
        damages: what may happen; one of them is drawn for each request that is damaged.
        seed: of the draws. Which request meets which draw depends on who comes first.
        share: how many of the requests are damaged by chance.
        first: how many are damaged before chance decides.
        most: how many are damaged in all; then the fault is over.
        path: only requests whose path begins so.
    """

    def __init__(
        self,
        damages: Sequence[Damage],
        *,
        seed: int,
        share: float = 0.3,
        first: int = 1,
        most: int = 1_000_000,
        path: str = "/_bulk",
    ) -> None:
        self._damages, self._share, self._path = damages, share, path
        self._rng, self._lock, self._first, self._most = random.Random(seed), threading.Lock(), first, most
        self.done = 0
        """Requests that were damaged."""

    def __call__(self, call: Call, forward: Forward) -> Reply:
        """A fault of a `FaultProxy`."""
        damage = self._draw() if call.path.startswith(self._path) else None
        reply = None if damage is None else damage(call, forward)
        if damage is not None and reply is None:
            with self._lock:
                self.done -= 1
        return reply or forward()

    def _draw(self) -> Damage | None:
        with self._lock:
            if self.done >= self._most:
                return None
            if self.done >= self._first and self._rng.random() >= self._share:
                return None
            self.done += 1
            return self._rng.choice(self._damages)


def slowed(seconds: float) -> Callable[[Call, Forward], Reply]:
    """No fault, but a service that takes its time, so that something can happen while a page is in hand."""

    def pass_on(call: Call, forward: Forward) -> Reply:
        time.sleep(seconds if call.method == "POST" else 0.0)
        return forward()

    return pass_on


def cut_before(call: Call, forward: Forward) -> Reply:
    """The server never sees the request."""
    return DROP


def cut_after(call: Call, forward: Forward) -> Reply:
    """The server did what was asked, and its answer is lost."""
    forward()
    return Reply(0, reset=True)


def cut_in_answer(call: Call, forward: Forward) -> Reply:
    """Half of the answer, and the connection is gone."""
    reply = forward()
    return Reply(reply.status, reply.body, reply.headers, sent=len(reply.body) // 2, reset=len(reply.body) % 2 == 0)


def cut_in_request(proxy: FaultProxy) -> Damage:
    """Half of the request reaches the server of this proxy."""

    def damage(call: Call, forward: Forward) -> Reply:
        proxy.forward_half(call)
        return DROP

    return damage


def delay(seconds: float) -> Damage:
    """The answer comes late."""

    def damage(call: Call, forward: Forward) -> Reply:
        time.sleep(seconds)
        return forward()

    return damage


def busy(status: int, *, retry_after_s: int = 1) -> Damage:
    """The server puts it off, and says for how long; nothing is done."""

    def damage(call: Call, forward: Forward) -> Reply:
        body = b'{"error": {"type": "es_rejected_execution_exception", "reason": "made by the test"}}'
        return Reply(status, body, {"content-type": "application/json", "retry-after": str(retry_after_s)})

    return damage


def hang(call: Call, forward: Forward) -> Reply:
    """No answer, and no end."""
    time.sleep(HANG_S)
    return DROP


def hang_after(call: Call, forward: Forward) -> Reply:
    """The server did what was asked, and neither answers nor ends the connection."""
    forward()
    return hang(call, forward)


def drip(seconds: float) -> Damage:
    """A right answer, in pieces, over so many seconds."""

    def damage(call: Call, forward: Forward) -> Reply:
        reply = forward()
        return Reply(reply.status, reply.body, reply.headers, pause_s=seconds / 10)

    return damage


def half(call: Call, forward: Forward) -> Reply:
    """Half of the answer, as if it were whole."""
    reply = forward()
    return Reply(reply.status, reply.body[: len(reply.body) // 2], reply.headers)


def garbage(call: Call, forward: Forward) -> Reply:
    """Bytes that mean nothing."""
    return Reply(200, random.Random(len(call.body)).randbytes(2_000), {"content-type": "application/json"})


def failure(call: Call, forward: Forward) -> Reply:
    """500 with a page for people."""
    return Reply(500, b"<html>Internal Server Error</html>", {"content-type": "text/html"})


def gateway(status: int) -> Damage:
    """The server did what was asked, and a gateway before it answers with a page of its own."""

    def damage(call: Call, forward: Forward) -> Reply:
        forward()
        return Reply(status, b"<html>a gateway's page</html>", {"content-type": "text/html"})

    return damage


def fewer_results(call: Call, forward: Forward) -> Reply | None:
    """The last document has no result."""
    return _with_results(forward(), lambda results: results[:-1])


def another_order(call: Call, forward: Forward) -> Reply | None:
    """The results are right and stand in another order."""
    return _with_results(forward(), lambda results: [*results[1:], results[0]] if len(results) > 1 else None)


class OtherIds:
    """Results of the request before, as a cache or a mixed-up connection gives them."""

    def __init__(self) -> None:
        self._before: Sequence[Mapping[str, Any]] = ({"id": "somebody-else", "fields": {}},)

    def __call__(self, call: Call, forward: Forward) -> Reply | None:
        """The answer, with somebody else's results."""

        def exchange(results: list[Any]) -> list[Any] | None:
            before, self._before = self._before, results
            return None if {one["id"] for one in results} & {one["id"] for one in before} else list(before)

        return _with_results(forward(), exchange)


def _with_results(reply: Reply, change: Callable[[list[Any]], list[Any] | None]) -> Reply | None:
    page = json.loads(reply.body)
    changed = change(page["results"]) if reply.status == 200 else None
    if changed is None:
        return reply if reply.status != 200 else None
    return Reply(200, json.dumps({**page, "results": changed}).encode(), reply.headers)
