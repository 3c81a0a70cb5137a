"""The dataset of a model's documents, and the names that depend on it.

    namespace `lab`, dataset `connection` ──▶ logs-oversight.connection-lab   oversight-router-lab
    namespace `lab`, dataset `river`      ──▶ logs-oversight.river-lab        oversight-router-river-lab

A namespace can have several datasets, each with a stream, pipelines, templates, roles and keys of its own. They share
the indices of heartbeats and of alerts. Neither a namespace nor a dataset has a `-`, so every name can be taken apart.
"""

from __future__ import annotations

import re

CONNECTION = "connection"
"""The dataset of the shipped models. Only the name of the stream contains it."""
DATASET_RULE = "1 to 80 characters out of a-z, 0-9, `_` and `.`, not beginning with `.`"
_DATASET = r"[a-z0-9_][a-z0-9_.]{0,79}"
_STREAM = re.compile(rf"logs-oversight\.({_DATASET})-([a-z0-9][a-z0-9_.]*)")
OUR_INDEX = re.compile(rf"(shrink-[^.]+-)?(\.ds-)?logs-oversight\.{_DATASET}-.+")
"""One of our streams or its backing indices, also those that a lifecycle policy has shrunk."""


def is_dataset(text: str) -> bool:
    """Whether a text can be the name of a dataset. A leading `.` could lead out of the folder with its keys."""
    return re.fullmatch(_DATASET, text) is not None


def event_dataset(dataset: str) -> str:
    """What the documents have in `event.dataset` and `data_stream.dataset`."""
    return f"oversight.{dataset}"


def dataset_of(stream: str) -> tuple[str, str] | None:
    """Dataset and namespace of one of our streams; None for any other index, list or pattern."""
    found = _STREAM.fullmatch(stream)
    return None if found is None else (found[1], found[2])


def works_on(watched: str, index: str) -> bool:
    """Whether a watcher of one index may work on another: not if both are streams, each of a dataset of its own."""
    return watched == index or dataset_of(watched) is None or dataset_of(index) is None


def suffix(namespace: str, dataset: str = CONNECTION) -> str:
    """The end of the names of a dataset's resources: `NAMESPACE`, or `DATASET-NAMESPACE`."""
    return namespace if dataset == CONNECTION else f"{dataset}-{namespace}"


def resource_name(kind: str, namespace: str, dataset: str = CONNECTION) -> str:
    """Name of a pipeline, template, role or key: `oversight-KIND-NAMESPACE`, or `oversight-KIND-DATASET-NAMESPACE`."""
    return f"oversight-{kind}-{suffix(namespace, dataset)}"
