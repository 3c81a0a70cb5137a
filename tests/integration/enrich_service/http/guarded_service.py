"""A service that requires a token, for the tests of its metrics, its log and its token file."""

from __future__ import annotations

import contextlib
import json
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from contract.artifact.contract import ModelContract
from tests.artifacts import write_model
from tests.integration.enrich_service.requests import ask
from tests.servers import Service, running
from tests.waiting import WAIT_S

FIRST, SECOND, FIXED = "hush-first", "hush-second", "hush-fixed"
"""The tokens: in the file at the start, in the file later, and in the setting."""


@dataclass(frozen=True)
class Guarded:
    """The service and its token file."""

    service: Service
    tokens: Path

    def page(self, *sources: Any, token: str = FIXED, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        """Send one page of documents."""
        documents = [{"id": str(number), "source": source} for number, source in enumerate(sources)]
        given = {"Authorization": f"Bearer {token}", **(headers or {})}
        return ask(f"{self.service.url}/v1/enrich", {"documents": documents}, given)

    def metrics(self) -> dict[str, float]:
        """Every sample, as Prometheus would read it."""
        request = urllib.request.Request(f"{self.service.url}/metrics", headers={"Authorization": f"Bearer {FIXED}"})
        with urllib.request.urlopen(request, timeout=WAIT_S) as answer:
            text = answer.read().decode()
        return {
            sample.name.removeprefix("oversight_enrich_")
            + "".join(f",{value}" for _, value in sorted(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def kill_a_worker(self) -> None:
        """Kill it and wait until it is gone: before, it may still accept a connection, which then breaks."""
        victim = self.service.workers()[0]
        victim.kill()
        victim.wait(WAIT_S)

    def lines(self) -> list[dict[str, Any]]:
        """The lines of the log so far."""
        return [json.loads(line) for line in self.service.log.read_text(encoding="utf-8").splitlines()]


@contextlib.contextmanager
def guarded_service(folder: Path, contract: ModelContract) -> Iterator[Guarded]:
    """A service with two workers, one token from a setting and one from a file.

    Args:
        folder: folder for the model and the token file.
        contract: the model's contract.
    """
    tokens = folder / "tokens"
    tokens.write_text(f"{FIRST}\n", encoding="utf-8")
    tokens.chmod(0o600)
    env = {"OVERSIGHT_SERVE_TOKENS_FILE": str(tokens)}
    model = write_model(folder / "model.onnx", contract)
    with running(model, token=FIXED, env=env, options=["--workers", "2"]) as service:
        yield Guarded(service, tokens)
