"""Settings of the console."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field, SecretStr

from common.settings.servers import ServerSettings


class ConsoleSettings(ServerSettings):
    """The console."""

    prefix: ClassVar = "OVERSIGHT_CONSOLE_"
    port: ClassVar = 8602
    bearer_variable: ClassVar = "OVERSIGHT_CONSOLE_TOKEN"
    remedy: ClassVar = "set OVERSIGHT_CONSOLE_TOKEN"

    bind: str = Field("127.0.0.1:8602", description="HOST:PORT to listen on; port 0 uses a free port.")
    token: SecretStr | None = Field(
        None,
        description="Token for signing in; required, with at least 16 characters, if other machines can reach the "
        "console.",
    )
    refresh_s: int = Field(10, ge=2, le=3600, description="Seconds between two refreshes of an open page.")
    threads: int = Field(8, ge=1, le=64, description="Requests handled at the same time.")
    verdicts: bool = Field(False, description="Let people who sign in with their own token write verdicts.")
    people_file: Path | None = Field(
        None,
        description="File of the people who may write verdicts; `oversight console --add-person NAME` writes it. "
        "Default: `console/people` in OVERSIGHT_STATE.",
    )
    analyst_key_file: Path | None = Field(
        None,
        description="File with the API key that writes verdicts, `analyst/key.env` of `oversight provision --keys`. "
        "Without it the console writes with the credentials with which it reads.",
    )
