"""The running service against its own description: schemathesis sends valid and invalid requests."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import running
from tests.waiting import WAIT_S

CONFIG = """
[checks]
negative_data_rejection.expected-statuses = ["4xx"]

[[operations]]
include-path-regex = "/infer$"

[operations.checks]
negative_data_rejection.expected-statuses = ["4xx"]
positive_data_acceptance.enabled = false
"""
"""A body over a limit of the description is refused with 413. No schema can express that the data of a
tensor has as many values as its shape, so most of what the schema of an inference allows is refused.
"""
MIN_CASES = {"^(?!/v2)": 90, "^/v2": 510}
"""The fewest cases of the routes that match each expression. Each group has its own service: schemathesis sends
a wrong token to every route, and after ten of them a service answers 429 instead of 401.
"""


@pytest.mark.parametrize("routes", MIN_CASES)
def test_the_service_matches_its_description(turbine_model: Path, tmp_path: Path, routes: str) -> None:
    """Every check of schemathesis: statuses, media types, schemas, methods, tokens; input outside a schema
    is refused.
    """
    (tmp_path / "schemathesis.toml").write_text(CONFIG, encoding="utf-8")
    with running(turbine_model, token="hush", env={"OVERSIGHT_SERVE_MAX_DOCUMENTS": "20"}) as service:
        workers = service.workers()
        ended = subprocess.run(
            [
                sys.executable,
                "-m",
                "schemathesis.cli",
                "--config-file",
                "schemathesis.toml",
                "run",
                f"{service.url}/openapi.json",
                "--header",
                "Authorization: Bearer hush",
                "--include-path-regex",
                routes,
                "--phases",
                "examples,coverage,fuzzing",
                "--max-examples",
                "8",
                "--generation-deterministic",
                "--continue-on-failure",
                "--no-color",
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=WAIT_S,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout[-4000:]
        generated, passed = re.findall(r"(\d+) generated, (\d+) passed", ended.stdout)[0]
        assert int(passed) == int(generated) >= MIN_CASES[routes], ended.stdout[-1000:]
        assert service.workers() == workers
        assert "Traceback" not in service.log.read_text(encoding="utf-8")
