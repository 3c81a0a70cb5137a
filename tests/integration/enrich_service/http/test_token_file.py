"""A token file that changes while two workers serve requests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.artifacts import HEALTHY, TURBINE
from tests.integration.enrich_service.http.guarded_service import FIRST, FIXED, SECOND, Guarded, guarded_service
from tests.waiting import until


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Guarded]:
    """A service for each test. All its processes, the parent too, know the file as it was at the start."""
    with guarded_service(tmp_path, TURBINE) as service:
        yield service


def answers(guarded: Guarded, token: str) -> set[int]:
    """Statuses of a dozen requests. After ten wrong tokens in a minute a worker answers 429 instead of 401."""
    return {guarded.page(HEALTHY, token=token)[0] for _ in range(12)}


def answers_until_both_workers_log(guarded: Guarded, message: str, *, token: str, text: str) -> set[int]:
    """Change the file's text, and send requests until both workers have logged the change."""

    def logged() -> int:
        return sum(message in line["message"] for line in guarded.lines())

    def noticed() -> bool:
        seen.update(answers(guarded, token))
        return logged() == before + 2

    before, seen = logged(), set[int]()
    guarded.tokens.write_text(text, encoding="utf-8")
    assert until(noticed)
    return seen


def test_tokens_rotate_without_a_restart(guarded: Guarded) -> None:
    """Every worker accepts the new token and refuses the old one; a broken file changes nothing."""
    assert {guarded.page(HEALTHY, token=token)[0] for token in (FIXED, FIRST)} == {200}
    assert guarded.page(HEALTHY, token=SECOND)[0] == 401
    changed = "the tokens file changed: 1 tokens are valid now"
    answers_until_both_workers_log(guarded, changed, token=SECOND, text=f"# rotated\n{SECOND}\n")
    assert answers(guarded, SECOND) == {200}
    assert answers(guarded, FIRST) <= {401, 429}
    spoilt = "the previous tokens stay valid"
    assert answers_until_both_workers_log(guarded, spoilt, token=SECOND, text="") == {200}


def test_a_worker_that_is_replaced_while_the_file_is_broken_keeps_the_last_good_tokens(guarded: Guarded) -> None:
    """It could not read the tokens itself, and without them the service would end."""
    before = guarded.metrics().get("worker_restarts_total", 0)
    guarded.tokens.write_text("", encoding="utf-8")
    guarded.kill_a_worker()
    assert until(lambda: guarded.metrics().get("worker_restarts_total", 0) == before + 1)
    assert answers(guarded, FIRST) == {200}
