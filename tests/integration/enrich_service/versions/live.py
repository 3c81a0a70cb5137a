"""A running service on a model folder with two versions, and what it serves."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, replace
from http.client import HTTPException
from pathlib import Path
from typing import Any

import numpy as np
from onnx import numpy_helper

from benchmarks.enrich_service.swap_bench import request_body, version_values
from enrich_service.model.pointer import read_pointer, write_pointer
from tests.artifacts import HEALTHY, HOT, STRANGE, TURBINE, WORN, write_model
from tests.integration.enrich_service.requests import ask
from tests.servers import Service

SOURCES: list[dict[str, Any]] = [HEALTHY, HOT, WORN, STRANGE]


def variant(path: Path, number: int) -> Path:
    """A version of the turbine that gives other probabilities under other label names."""
    labels = tuple(replace(label, name=f"{label.name}_{number}") for label in TURBINE.labels)

    def shift(model: Any) -> None:
        bias = next(tensor for tensor in model.graph.initializer if tensor.name == "bias")
        bias.CopyFrom(numpy_helper.from_array(np.array([0.0, 3.0, 0.1 * number], np.float32), "bias"))

    return write_model(path, replace(TURBINE, labels=labels), change=shift)


@dataclass(frozen=True)
class Live:
    """A service with two workers on a model folder with two versions."""

    service: Service
    folder: Path
    versions: tuple[str, str]
    expected: dict[str, list[Any]]

    def point(self, **fields: Any) -> None:
        """Write the pointer as the command does."""
        write_pointer(self.folder, replace(read_pointer(self.folder), foreign=False, **fields))

    def serves(self) -> str:
        """The version in one response, after a check that its predictions are those of that version."""
        status, page = ask(f"{self.service.url}/v1/enrich", json.loads(request_body(SOURCES)))
        assert status == 200
        version: str = page["model"]["version"]
        if version in self.expected:
            assert [version_values(result) for result in page["results"]] == self.expected[version]
        return version

    def all_serve(self, version: str) -> bool:
        """Whether both workers serve the version, shown by many responses in a row."""
        with contextlib.suppress(OSError, HTTPException):
            return all(self.serves() == version for _ in range(12))
        return False

    def log(self) -> str:
        return self.service.log.read_text(encoding="utf-8")

    def errors(self) -> list[str]:
        """Our own log lines at level error."""
        lines = [json.loads(line) for line in self.log().splitlines() if line.startswith("{")]
        return [line["message"] for line in lines if line["log.level"] == "error" and "Worker" not in line["message"]]
