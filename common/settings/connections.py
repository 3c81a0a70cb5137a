"""Address and credentials of the servers that Oversight calls."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from common.elastic.key_text import read_key
from common.settings.addresses import check_url
from common.settings.base import DAY_S, Settings


class ConnectionSettings(Settings):
    """Base of the settings of a server that needs credentials."""

    secrets: ClassVar = ("api_key", "api_key_file", "password")
    places: ClassVar = ("url", "ca_certs")

    url: str = Field("", description="Address of the server.")
    api_key: SecretStr | None = Field(
        None,
        description="API key in the encoded form (`encoded` in the response of Elasticsearch's create API key API).",
    )
    api_key_file: Path | None = Field(
        None,
        description="File with the API key, instead of the key itself: just the key, or a file of `oversight provision "
        "--keys`.",
    )
    username: str | None = Field(None, description="User name, if you use no API key.")
    password: SecretStr | None = Field(None, description="Password of the user.")
    ca_certs: Path | None = Field(
        None, description="File with the certificate authority that signed the server's certificate."
    )
    timeout_s: float = Field(30.0, gt=0, le=DAY_S, description="Longest time for one request, in seconds.")

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        return check_url(value)

    @model_validator(mode="before")
    @classmethod
    def _key_comes_from_its_file(cls, given: Any) -> Any:
        """Read the key from its file, as if it had been set directly."""
        if not isinstance(given, dict) or not given.get("api_key_file"):
            return given
        name = cls.variable("api_key")
        file = Path(given["api_key_file"]).expanduser()
        if given.get("api_key"):
            raise ValueError(f"{name} and {name}_FILE are both set: remove one of them")
        try:
            key = read_key(file)
        except OSError as error:
            raise ValueError(
                f"{name}_FILE={file} cannot be read ({error.strerror}); name a file with an API key that you may read"
            ) from None
        if key is None:
            raise ValueError(
                f"{name}_FILE={file} contains no API key; expected a line ELASTICSEARCH_API_KEY=..., or just the key"
            )
        return {**given, "api_key": key}

    @model_validator(mode="after")
    def _credentials_are_complete(self) -> Self:
        of = self.prefix
        if (self.username is None) != (self.password is None):
            raise ValueError(f"only one of {of}USERNAME and {of}PASSWORD is set; set both, or set {of}API_KEY instead")
        if self.username is not None and not self.username.isascii():
            raise ValueError(
                f"{of}USERNAME contains letters that are not ASCII, and basic authentication cannot send them; use an "
                f"API key"
            )
        if self.api_key is not None and self.username is not None:
            key = "API_KEY_FILE" if self.api_key_file else "API_KEY"
            raise ValueError(f"{of}{key} and {of}USERNAME are both set: remove one of them")
        return self

    @property
    def has_secret(self) -> bool:
        """Whether requests carry a key or a password."""
        return self.api_key is not None or self.password is not None


class ElasticsearchSettings(ConnectionSettings):
    """Address and credentials of Elasticsearch."""

    prefix: ClassVar = "ELASTICSEARCH_"

    url: str = Field("http://127.0.0.1:9200", description="Address of the cluster.")
    api_key_file: Path | None = Field(
        None,
        description="File with the API key, instead of ELASTICSEARCH_API_KEY: a file of `oversight provision --keys`, "
        "or just the key.",
    )
    ca_certs: Path | None = Field(
        None, description="File with the certificate authority that signed the cluster's certificate."
    )
