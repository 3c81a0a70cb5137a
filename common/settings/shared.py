"""The settings that several parts share."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from common.settings.addresses import check_url
from common.settings.base import Settings
from contract import hints
from contract.documents.datasets import CONNECTION, DATASET_RULE, is_dataset
from contract.documents.fields import stream_name
from contract.shipped_models import model_path, shipped_path

DEFAULT_MODEL = shipped_path("kdd99-mlp")


class OversightSettings(Settings):
    """Settings that several commands share."""

    prefix: ClassVar = "OVERSIGHT_"
    secrets: ClassVar = ("enrich_token",)
    places: ClassVar = ("enrich_url", "enrich_ca_certs")

    namespace: str = Field(
        hints.DEFAULT_NAMESPACE, description="Name of this installation; several installations can share a cluster."
    )
    dataset: str | None = Field(
        None, description="Dataset of the installation, one for each model; unset: the dataset of the model's contract."
    )
    index: str | None = Field(
        None, description="Index, list or pattern to use instead of the installation's data stream."
    )
    model: Path = Field(
        DEFAULT_MODEL,
        description="Name of a shipped model (`kdd99-mlp`, `kdd99-flow`), or path of an artifact or of a model folder "
        "(`oversight model add`). To name a file or folder called like a shipped model, write `./` in front.",
    )
    profile: Path | None = Field(
        None,
        description="Profile of this site, written by `oversight sense --report --profile FILE`: reasons and drift "
        "compare with it instead of with training. The service reads it when it starts.",
    )
    model_sha256: str | None = Field(
        None,
        description="Allowed SHA-256 digests of the artifact in hex, separated by commas; the enrich service refuses "
        "other artifacts.",
    )
    enrich_url: str = Field("http://127.0.0.1:8600", description="Address of the enrich service.")
    enrich_token: SecretStr | None = Field(
        None,
        description="Bearer token of the enrich service: the service requires it and the watcher sends it. At least 16 "
        "characters if other machines can reach the service.",
    )
    enrich_ca_certs: Path | None = Field(
        None,
        description="File with the certificate authority that signed the enrich service's certificate; unset: the "
        "system's authorities.",
    )
    enrich_client_cert: Path | None = Field(
        None, description="PEM file of the watcher's client certificate, if the enrich service requires one."
    )
    enrich_client_key: Path | None = Field(None, description="PEM file of the key of OVERSIGHT_ENRICH_CLIENT_CERT.")
    allow_plain_http: bool = Field(
        False,
        description="Allow keys and tokens to go to another machine over plain HTTP; otherwise such an address is "
        "refused.",
    )
    traceback: bool = Field(
        False, description="Print the whole traceback of an unexpected error, for a bug report; otherwise one line."
    )
    suppress: Path | None = Field(
        None,
        description="File with suppression rules, one per line: documents that match do not alert (docs/people.md); "
        "read again when it changes.",
    )
    incident_gap_min: int = Field(
        15,
        ge=1,
        le=1440,
        description="Largest gap between two alerts of one incident, in minutes; after a longer pause a new incident "
        "begins.",
    )
    console_url: str | None = Field(
        None,
        description="Address of this installation's console, as people's browsers reach it. `oversight kibana import` "
        "links each event in Kibana to its details there.",
    )
    state: Path = Field(
        Path("~/.local/state/oversight"),
        description="Folder for state between runs, such as the registry of shipped files.",
    )

    @property
    def chosen_dataset(self) -> str:
        """The dataset; `oversight.config.settings.load_installation` fills in the model's dataset."""
        return self.dataset or CONNECTION

    @property
    def stream(self) -> str:
        """The data stream of the installation's dataset."""
        return stream_name(self.namespace, self.chosen_dataset)

    @property
    def documents(self) -> str:
        """Where the documents are: `index` if it is set, otherwise the installation's data stream."""
        return self.index or self.stream

    @property
    def model_digests(self) -> frozenset[str]:
        """The digests of the artifacts that may be served; empty: any artifact."""
        return frozenset((self.model_sha256 or "").split(",")) - {""}

    @property
    def client_cert(self) -> tuple[Path, Path] | None:
        """The certificate that a client of the enrich service shows, and its key."""
        cert, key = self.enrich_client_cert, self.enrich_client_key
        return None if cert is None or key is None else (cert, key)

    @field_validator("namespace")
    @classmethod
    def _fits_a_data_stream(cls, value: str) -> str:
        if not re.fullmatch(r"[a-z0-9][a-z0-9_.]{0,99}", value):
            raise ValueError(
                "a namespace has 1 to 100 characters out of a-z, 0-9, `_` and `.`, and begins with a letter or digit; "
                "`-` is not allowed, because it separates the parts of a stream's name"
            )
        return value

    @field_validator("dataset")
    @classmethod
    def _is_a_dataset(cls, value: str | None) -> str | None:
        if value and not is_dataset(value):
            raise ValueError(f"a dataset has {DATASET_RULE}; `-` separates the parts of a stream's name")
        return value or None

    @field_validator("model_sha256")
    @classmethod
    def _is_a_digest(cls, value: str | None) -> str | None:
        digests = [part.strip().lower() for part in (value or "").split(",") if part.strip()]
        for digest in digests:
            if not re.fullmatch(r"[0-9a-f]{64}", digest):
                raise ValueError("expected 64 hex digits as `sha256sum` prints them; separate several with commas")
        return ",".join(digests) or None

    @field_validator("enrich_url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        return check_url(value)

    @field_validator("console_url")
    @classmethod
    def _is_an_address_or_unset(cls, value: str | None) -> str | None:
        return check_url(value) if value else None

    @model_validator(mode="after")
    def _certificate_has_its_key(self) -> Self:
        if (self.enrich_client_cert is None) != (self.enrich_client_key is None):
            raise ValueError(
                "only one of OVERSIGHT_ENRICH_CLIENT_CERT and OVERSIGHT_ENRICH_CLIENT_KEY is set; set both"
            )
        return self

    @field_validator("enrich_ca_certs", "enrich_client_cert", "enrich_client_key")
    @classmethod
    def _can_be_read(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_file():
            raise ValueError("this file does not exist; name an existing PEM file")
        return value

    @field_validator("suppress", "profile", mode="before")
    @classmethod
    def _empty_means_unset(cls, value: Any) -> Any:
        return None if value == "" else value

    @field_validator("model", mode="before")
    @classmethod
    def _shipped_model_by_its_name(cls, value: Any) -> Any:
        return model_path(value) if isinstance(value, str) else value

    @field_validator("state", "model", "suppress", "profile")
    @classmethod
    def _home_is_expanded(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser()
