"""What a dataset's index template says about its model, so that one page can list every dataset of a namespace.

ModelContract ──▶ ModelSummary ──▶ `_meta.model` of the index template `oversight-stream-...`
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from contract.artifact.contract import ModelContract

MODEL_META = "model"
"""The key in `_meta`."""


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """A model in a few words. The whole contract can be megabytes, and templates are in the cluster's state."""

    name: str
    dataset: str
    task: str
    features: tuple[str, ...]
    """Names of its features, in the model's order."""
    labels: tuple[str, ...]

    @classmethod
    def of(cls, contract: ModelContract) -> ModelSummary:
        """The summary of a contract."""
        features, labels = (tuple(one.name for one in each) for each in (contract.features, contract.labels))
        return cls(contract.name, contract.dataset, contract.task, features, labels)

    @classmethod
    def from_dict(cls, data: Any) -> ModelSummary | None:
        """Read a summary; None if it is none, because anyone may write a template."""
        if not isinstance(data, Mapping):
            return None
        texts = [data.get(key) for key in ("name", "dataset", "task")]
        lists = [data.get(key) for key in ("features", "labels")]
        if not all(isinstance(text, str) for text in texts) or not all(isinstance(one, list) for one in lists):
            return None
        name, dataset, task = map(str, texts)
        features, labels = (tuple(map(str, one or ())) for one in lists)
        return cls(name, dataset, task, features, labels)

    def to_dict(self) -> dict[str, Any]:
        """The summary as plain JSON values."""
        data = asdict(self)
        return {**data, "features": list(self.features), "labels": list(self.labels)}
