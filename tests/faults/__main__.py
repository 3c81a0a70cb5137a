"""Run the fault tests and print their table: `python -m tests.faults`, short; `python -m tests.faults --soak`, long.

tests/faults ──▶ pytest ──▶ build/faults.jsonl ──▶ table on stdout, with --write also in docs/faults.md
"""

from __future__ import annotations

import argparse
import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.faults.scale import SCALE
from tests.faults.table import is_bad, markdown, read_rows, replace_in
from tests.faults.trial import ROWS

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = {"short": 600, "soak": 1800}
"""Time limit for one fault; after it the fault counts as failed, and the next one starts."""


def main() -> int:
    """Run the trials and print the table; returns 1 if a row is bad or a trial fails."""
    options = _options()
    rows, scale = Path(options.rows), "soak" if options.soak else "short"
    rows.parent.mkdir(parents=True, exist_ok=True)
    if not options.add:
        rows.unlink(missing_ok=True)
    began_s, code = time.monotonic(), 0
    if not options.table:
        words = [
            sys.executable,
            "-m",
            "pytest",
            "tests/faults",
            "-p",
            "no:cacheprovider",
            f"--timeout={LIMIT_S[scale]}",
            "-o",
            f"faulthandler_timeout={LIMIT_S[scale] + 60}",
        ]
        words += ["-p", "no:randomly", "-q", *(["-k", options.only] if options.only else [])]
        code = _run(words, {**os.environ, SCALE: scale, ROWS: str(rows.resolve())})
    found = read_rows(rows)
    table = markdown(found)
    sys.stdout.write(f"{table}\n")
    if not options.table:
        took_s = time.monotonic() - began_s
        sys.stderr.write(
            f"{scale} form in {took_s:.0f} s, Python {platform.python_version()}, {os.cpu_count()} processors\n"
        )
    if options.write:
        page = Path(options.write)
        page.write_text(replace_in(page.read_text(encoding="utf-8"), table), encoding="utf-8")
    return int(code != 0 or any(is_bad(row) for row in found))


def _run(words: list[str], environment: dict[str, str]) -> int:
    """Run pytest. After SIGTERM or SIGINT, pytest stops what its tests started, and the table has the rows so far."""
    # a background job of a shell would ignore SIGINT, and so would its children
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    with subprocess.Popen(words, cwd=ROOT, stdout=sys.stderr, env=environment, start_new_session=True) as child:
        try:
            return child.wait()
        except KeyboardInterrupt:
            child.send_signal(signal.SIGINT)
            child.wait()
            return 130


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__.partition("\n")[0])
    parser.add_argument("--soak", action="store_true", help="the long form: about an hour, every fault on every engine")
    parser.add_argument("--only", metavar="EXPRESSION", help="run only these tests, as with `pytest -k`")
    parser.add_argument("--rows", default=str(ROOT / "build" / "faults.jsonl"), help="file with the rows")
    parser.add_argument("--add", action="store_true", help="keep the rows of earlier runs")
    parser.add_argument("--table", action="store_true", help="run nothing, only print the table of existing rows")
    parser.add_argument("--write", metavar="PAGE", help="write the table into this page, between its two marks")
    options = parser.parse_args()
    options.add = options.add or options.table
    return options


if __name__ == "__main__":
    sys.exit(main())
