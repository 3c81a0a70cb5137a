"""Open every session of ONNX Runtime safely: from bytes, as ONNX, without access to another file."""

from __future__ import annotations

import os
import re
from typing import Protocol, TypeVar

CLOSED = {
    "session.load_model_format": "ONNX",  # otherwise the bytes decide the format
    "session.model_external_initializers_file_folder_path": os.devnull,  # no file can exist below it
}
"""Configuration of a session.

`contract.onnx.reader` refuses a model that names other files. If it ever missed one, the runtime would look for the
file below the folder named here; by default that is the working folder of the process.
"""


class Options(Protocol):
    """The part of `onnxruntime.SessionOptions` that is used here."""

    def add_session_config_entry(self, key: str, value: str) -> None:
        """Set one entry."""


AnyOptions = TypeVar("AnyOptions", bound=Options)


def closed(options: AnyOptions) -> AnyOptions:
    """Change the options so that the session opens no file, and return them."""
    for key, value in CLOSED.items():
        options.add_session_config_entry(key, value)
    return options


_PLACE = re.compile(r"/onnxruntime_src/\S+:\d+ .*?\) ")
"""The place in ONNX Runtime's own source. It precedes the reason and is long."""
_NEWER_IR = re.compile(r"Unsupported model IR version: (\d+), max supported IR version: (\d+)")
_NEWER_OPSET = re.compile(r"Opset (\d+) is under development.* for domain (\S+) is till opset (\d+)", re.DOTALL)
MAX_REASON = 300
"""Largest number of characters of a reason in a message."""


def first_line(error: Exception) -> str:
    """ONNX Runtime's reason, in one line."""
    reason = _PLACE.sub("", str(error).removeprefix("[ONNXRuntimeError] : "), count=1)
    return next((line[:MAX_REASON] for line in reason.splitlines() if line.strip()), type(error).__name__)


def refusal(error: Exception, runtime: str) -> str:
    """Why ONNX Runtime does not open a model, and what to do.

    Args:
        error: the exception that it raised.
        runtime: its version.
    """
    newer = newer_than_runtime(str(error), runtime)
    if newer is not None:
        return newer
    return (
        f"ONNX Runtime {runtime} refuses the graph ({first_line(error)}); only operators of ONNX itself are served, "
        f"convert the model with `oversight convert`"
    )


def newer_than_runtime(reason: str, runtime: str) -> str | None:
    """What to do about a model that is too new for ONNX Runtime; None if that is not the reason."""
    if match := _NEWER_IR.search(reason):
        what, version, newest = "the IR version", *match.groups()
    elif match := _NEWER_OPSET.search(reason):
        what, version, newest = f"operator set {match[2]}", match[1], match[3]
    else:
        return None
    return (
        f"the model has {what} {version}, and ONNX Runtime {runtime} reads {what} up to {newest}; update ONNX Runtime "
        f"(`pip install --upgrade onnxruntime`), or export the model for {what} {newest}"
    )
