"""What the cluster stores about a dataset's model: names only, because templates and mappings are in its state.

ModelContract ──▶ ModelSummary ─┬─▶ `_meta.model` of the index template `oversight-stream-...`: lists every dataset
                                └─▶ `_meta.model` of the stream's mapping: a shipper's key may read only this
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
    may_miss: tuple[str, ...] = ()
    """Names of the features whose value may be missing from a document."""

    @property
    def needed(self) -> tuple[str, ...]:
        """Names of the features without which a document cannot be predicted."""
        return tuple(name for name in self.features if name not in self.may_miss)

    @classmethod
    def of(cls, contract: ModelContract) -> ModelSummary:
        """The summary of a contract."""
        features, labels = (tuple(one.name for one in each) for each in (contract.features, contract.labels))
        may_miss = tuple(feature.name for feature in contract.features if feature.missing != "error")
        return cls(contract.name, contract.dataset, contract.task, features, labels, may_miss)

    @classmethod
    def from_dict(cls, data: Any) -> ModelSummary | None:
        """Read a summary; None if it is none, because anyone may write a template."""
        if not isinstance(data, Mapping):
            return None
        texts = [data.get(key) for key in ("name", "dataset", "task")]
        lists = [data.get(key) for key in ("features", "labels")] + [data.get("may_miss", [])]
        if not all(isinstance(text, str) for text in texts) or not all(isinstance(one, list) for one in lists):
            return None
        name, dataset, task = map(str, texts)
        features, labels, may_miss = (tuple(map(str, one or ())) for one in lists)
        return cls(name, dataset, task, features, labels, may_miss)

    def to_dict(self) -> dict[str, Any]:
        """The summary as plain JSON values."""
        data = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}
        if not self.may_miss:
            del data["may_miss"]
        return data
