"""Settings of the connection to Kibana."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from common.settings.connections import ConnectionSettings


class KibanaSettings(ConnectionSettings):
    """Address and credentials of Kibana; only `oversight kibana` uses them."""

    prefix: ClassVar = "KIBANA_"

    url: str = Field(
        "http://127.0.0.1:5601",
        description="Address of Kibana, with its base path if it has one, but without a space (`/s/...`).",
    )
    ca_certs: Path | None = Field(
        None, description="File with the certificate authority that signed Kibana's certificate."
    )
