"""Files with a secret on each line; `#` begins a comment."""

from __future__ import annotations

from pathlib import Path

from contract.errors import SettingsError


def secret_lines(path: Path, *, setting: str, if_no_text: str, if_unreadable: str) -> list[tuple[int, str]]:
    """Return the lines of a file with their numbers, without blank lines and comments.

    Args:
        path: the file.
        setting: name of the setting with the path, for messages.
        if_no_text, if_unreadable: what to do, for messages.
    Raises:
        SettingsError: the file cannot be read, or is not UTF-8.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise SettingsError(f"{setting}={path} is not UTF-8 text; {if_no_text}") from None
    except OSError as error:
        raise SettingsError(
            f"{setting}={path} cannot be read ({(error.strerror or str(error)).lower()}); {if_unreadable}"
        ) from None
    stripped = ((number, line.strip()) for number, line in enumerate(lines, 1))
    return [(number, text) for number, text in stripped if text and not text.startswith("#")]
