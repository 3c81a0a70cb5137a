"""Damage some requests or their answers.

    request ──▶ Injector ──▶ the real server ──▶ answer        most requests
                   └──▶ a damage: before, instead of, within or after the real answer

A damage is a function. It gets the request and a function that forwards it to the real server. It returns the reply, or
None if it cannot damage this request.
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
"""Longer than all timeouts of the tested watchers."""


class Injector:
    """Damages some requests: the first ones always, the others at random.

    Args:
        damages: possible damages; one is drawn for each damaged request.
        seed: seed of the draws. The order in which requests arrive decides which draw each gets.
        share: share of the later requests that it damages.
        first: number of requests that it damages before it draws at random.
        most: total number of damaged requests; afterwards the fault is over.
        path: damages only requests whose path begins with this.
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
        """Number of damaged requests."""

    def __call__(self, call: Call, forward: Forward) -> Reply:
        """Damage or forward one request, as the fault of a `FaultProxy`."""
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
    """Not a fault: a slow service, so that a test can act while the watcher holds a page."""

    def pass_on(call: Call, forward: Forward) -> Reply:
        time.sleep(seconds if call.method == "POST" else 0.0)
        return forward()

    return pass_on


def cut_before(call: Call, forward: Forward) -> Reply:
    """The server never sees the request."""
    return DROP


def cut_after(call: Call, forward: Forward) -> Reply:
    """The server executes the request, but its answer is lost."""
    forward()
    return Reply(0, reset=True)


def cut_in_answer(call: Call, forward: Forward) -> Reply:
    """The connection closes after half of the answer."""
    reply = forward()
    return Reply(reply.status, reply.body, reply.headers, sent=len(reply.body) // 2, reset=len(reply.body) % 2 == 0)


def cut_in_request(proxy: FaultProxy) -> Damage:
    """The connection closes after half of the request has reached the server of this proxy."""

    def damage(call: Call, forward: Forward) -> Reply:
        proxy.forward_half(call)
        return DROP

    return damage


def delay(seconds: float) -> Damage:
    """The answer is late."""

    def damage(call: Call, forward: Forward) -> Reply:
        time.sleep(seconds)
        return forward()

    return damage


def busy(status: int, *, retry_after_s: int = 1) -> Damage:
    """The server rejects the request with a Retry-After header and does not execute it."""

    def damage(call: Call, forward: Forward) -> Reply:
        body = b'{"error": {"type": "es_rejected_execution_exception", "reason": "made by the test"}}'
        return Reply(status, body, {"content-type": "application/json", "retry-after": str(retry_after_s)})

    return damage


def hang(call: Call, forward: Forward) -> Reply:
    """The server neither answers nor closes the connection."""
    time.sleep(HANG_S)
    return DROP


def hang_after(call: Call, forward: Forward) -> Reply:
    """The server executes the request, but neither answers nor closes the connection."""
    forward()
    return hang(call, forward)


def drip(seconds: float) -> Damage:
    """A correct answer that arrives in pieces over some seconds."""

    def damage(call: Call, forward: Forward) -> Reply:
        reply = forward()
        return Reply(reply.status, reply.body, reply.headers, pause_s=seconds / 10)

    return damage


def half(call: Call, forward: Forward) -> Reply:
    """Half of the answer, with headers as if it were complete."""
    reply = forward()
    return Reply(reply.status, reply.body[: len(reply.body) // 2], reply.headers)


def garbage(call: Call, forward: Forward) -> Reply:
    """Random bytes as the answer."""
    return Reply(200, random.Random(len(call.body)).randbytes(2_000), {"content-type": "application/json"})


def failure(call: Call, forward: Forward) -> Reply:
    """Status 500 with an HTML page."""
    return Reply(500, b"<html>Internal Server Error</html>", {"content-type": "text/html"})


def gateway(status: int) -> Damage:
    """The server executes the request, but a gateway in front of it answers with an HTML page."""

    def damage(call: Call, forward: Forward) -> Reply:
        forward()
        return Reply(status, b"<html>a gateway's page</html>", {"content-type": "text/html"})

    return damage


def fewer_results(call: Call, forward: Forward) -> Reply | None:
    """The last document has no result."""
    return _with_results(forward(), lambda results: results[:-1])


def another_order(call: Call, forward: Forward) -> Reply | None:
    """The results are correct but in another order."""
    return _with_results(forward(), lambda results: [*results[1:], results[0]] if len(results) > 1 else None)


class OtherIds:
    """Answers with the results of the previous request, as a broken cache or a mixed-up connection would."""

    def __init__(self) -> None:
        self._before: Sequence[Mapping[str, Any]] = ({"id": "another-document", "fields": {}},)

    def __call__(self, call: Call, forward: Forward) -> Reply | None:
        """Replace the results by those of the previous request."""

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
