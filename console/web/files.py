"""The page's own files, in memory: read once at the start, sent compressed, kept by the browser as long as they are the
same.

static/js/main.js ──▶ /static/<digest of all files>/js/main.js       another version has other addresses
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
        version: of what is sent under the same digest and is not a file here.
    """

    def __init__(self, version: str) -> None:
        found = {
            path.relative_to(FOLDER).as_posix(): path.read_bytes()
            for path in sorted(FOLDER.rglob("*"))
            if path.suffix in KINDS
        }
        found[GRID] = grid().encode()
        digest = hashlib.sha256(version.encode())
        for name, content in found.items():
            digest.update(name.encode() + b"\0" + content)
        self.digest = digest.hexdigest()[:16]
        self._scripts = {name: Script(content, gzip.compress(content, 6, mtime=0)) for name, content in found.items()}

    def names(self, suffix: str) -> list[str]:
        """Files that end like this."""
        return [name for name in self._scripts if name.endswith(suffix)]

    def get(self, name: str) -> Response | None:
        """One file; None: there is none of that name."""
        script = self._scripts.get(name)
        return None if script is None else send(script, KINDS[Path(name).suffix])


def send(script: Script, kind: str) -> Response:
    """A file that never changes under its address."""
    packed = "gzip" in request.headers.get("Accept-Encoding", "")
    response = Response(script.gzipped if packed else script.plain, content_type=kind)
    if packed:
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Vary"] = "Accept-Encoding"
    response.headers["Cache-Control"] = KEEP
    return response


def grid() -> str:
    """A class for each width and height that a panel may have: the policy of the page takes no style in an element."""
    widths = [f".w{number} {{ --columns: {number}; }}" for number in range(1, GRID_COLUMNS + 1)]
    heights = [f".h{number} {{ --rows: {number}; }}" for number in range(1, GRID_ROWS + 1)]
    return "\n".join([*widths, *heights]) + "\n"
