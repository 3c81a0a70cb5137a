"""Commands as a user types them, each in a separate process with its own settings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import warm

OURS = ("OVERSIGHT_", "ELASTICSEARCH_", "KIBANA_")


@dataclass(frozen=True)
class Terminal:
    """A user's terminal: settings, and the folder in which commands run."""

    folder: Path
    settings: Mapping[str, str]

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the commands, without the settings of the person who runs the tests."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        return {**inherited, "OVERSIGHT_STATE": str(self.folder / "state"), **self.settings}

    def type(self, *words: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
        """Run `oversight WORDS` to its end, in a separate process."""
        return warm.run(*words, env={**self.environment, **more}, cwd=self.folder)

    def json(self, *words: str | Path) -> Any:
        """Run `oversight WORDS --json`, which must exit with 0, and parse its output."""
        done = self.type(*words, "--json")
        assert done.returncode == 0, f"{words}: {done.stdout} {done.stderr}"
        return json.loads(done.stdout)

    def start(self, *words: str | Path, log: Path) -> subprocess.Popen[bytes]:
        """Start `oversight WORDS` in the background."""
        with log.open("wb") as output:
            return subprocess.Popen(
                command(*words),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env=self.environment,
            )


def command(*words: str | Path) -> list[str]:
    """The command line of `oversight WORDS`, with the interpreter that runs the tests."""
    return [sys.executable, "-m", "oversight", *map(str, words)]
