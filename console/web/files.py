"""The page's own files: read once at the start, kept in memory, sent compressed, cached by the browser.

static/js/main.js ──▶ /static/<digest of all files>/js/main.js       each version has its own URLs
"""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

from flask import Response, request

from console.web.bundle import Script

FOLDER = Path(__file__).resolve().parent.parent / "static"
KINDS = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
KEEP = "public, max-age=31536000, immutable"
GRID_COLUMNS, GRID_ROWS = 48, 60
GRID = "css/grid.css"


class Files:
    """The files of the page.

    Args:
        version: version of the chart script, which has the same digest in its URL and is not a file here.
    """

    def __init__(self, version: str) -> None:
        contents = {
            path.relative_to(FOLDER).as_posix(): path.read_bytes()
            for path in sorted(FOLDER.rglob("*"))
            if path.suffix in KINDS
        }
        contents[GRID] = grid().encode()
        digest = hashlib.sha256(version.encode())
        for name, content in contents.items():
            digest.update(name.encode() + b"\0" + content)
        self.digest = digest.hexdigest()[:16]
        self._scripts = {
            name: Script(content, gzip.compress(content, 6, mtime=0)) for name, content in contents.items()
        }

    def names(self, suffix: str) -> list[str]:
        """Return the names of the files with this suffix."""
        return [name for name in self._scripts if name.endswith(suffix)]

    def get(self, name: str) -> Response | None:
        """Return one file; None if there is none with that name."""
        script = self._scripts.get(name)
        return None if script is None else send(script, KINDS[Path(name).suffix])


def send(script: Script, kind: str) -> Response:
    """Return a file that never changes under its URL."""
    packed = "gzip" in request.headers.get("Accept-Encoding", "")
    response = Response(script.gzipped if packed else script.plain, content_type=kind)
    if packed:
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Vary"] = "Accept-Encoding"
    response.headers["Cache-Control"] = KEEP
    return response


def grid() -> str:
    """Return a CSS class for each width and height of a panel, because the page's policy forbids inline styles."""
    widths = [f".w{number} {{ --columns: {number}; }}" for number in range(1, GRID_COLUMNS + 1)]
    heights = [f".h{number} {{ --rows: {number}; }}" for number in range(1, GRID_ROWS + 1)]
    return "\n".join([*widths, *heights]) + "\n"
