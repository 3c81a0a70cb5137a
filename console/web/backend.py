"""What the console reads: Elasticsearch and the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from elasticsearch import Elasticsearch

from contract.artifact.contract import ModelContract


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """How the console reaches Elasticsearch and the model."""

    connect: Callable[[], Elasticsearch]
    """Makes a client that has sent nothing yet; called in the process that answers."""
    explain: Callable[[Exception], str]
    """One line that a person can act on, from an error of that client."""
    contract: Callable[[], ModelContract]
    """Reads the contract of the model; called again from time to time, because the model may change."""
    timeout_s: float = 30.0
    """Seconds that Elasticsearch may take for one page."""
