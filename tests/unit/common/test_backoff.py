"""The backoff doubles, is random, has a limit, and follows the server's Retry-After."""

from __future__ import annotations

import random

from common.backoff import RETRY_AFTER_LIMIT_S, Backoff


def test_waits_double_up_to_the_limit() -> None:
    """Each wait is between half of its bound and the bound."""
    backoff = Backoff(0.5, 4.0, rng=random.Random(1))
    for bound in (0.5, 1.0, 2.0, 4.0, 4.0, 4.0):
        assert bound / 2 <= backoff.next_s() <= bound


def test_waits_of_two_watchers_differ() -> None:
    one, other = Backoff(1.0, 60.0, rng=random.Random(1)), Backoff(1.0, 60.0, rng=random.Random(2))
    assert [one.next_s() for _ in range(5)] != [other.next_s() for _ in range(5)]


def test_success_resets_the_backoff() -> None:
    backoff = Backoff(0.5, 30.0, rng=random.Random(1))
    for _ in range(5):
        backoff.next_s()
    backoff.reset()
    assert backoff.next_s() <= 0.5


def test_a_wait_is_never_shorter_than_the_server_asks() -> None:
    assert Backoff(0.5, 30.0).next_s(at_least_s=12.0) == 12.0


def test_a_retry_after_of_a_day_is_shortened() -> None:
    assert Backoff(0.5, 30.0).next_s(at_least_s=86_400.0) == RETRY_AFTER_LIMIT_S


def test_a_thousand_tries_do_not_overflow() -> None:
    backoff = Backoff(0.5, 30.0)
    assert all(backoff.next_s() <= 30.0 for _ in range(2_000))
