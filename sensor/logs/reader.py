"""Read the lines of several logs, and count those that give no flow.

a file's lines ──▶ duplicates out ──▶ zeek.py | suricata.py ──▶ flows
                                            │
                                            └── no flow: counted by its reason, the first of each reason is logged
"""

from __future__ import annotations

import logging
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterable

from sensor.flow import Flow
from sensor.logs import suricata
from sensor.logs.no_flow import NoFlowError, OtherRecordError
from sensor.logs.zeek import ConnLog

log = logging.getLogger(__name__)

MAX_REASONS = 50
"""Different reasons that are counted; a damaged file could have a new one on every line."""
OTHER_REASONS = "other reasons"
DUPLICATE = "the same line was read before"
TOO_LONG = "the line is too long for a log"
REMEMBERED_LINES = 100_000
"""The newest lines, among which a duplicate is found. Logs that were copied or put together again have some."""


class Skipped:
    """Records that gave no flow, by reason."""

    def __init__(self) -> None:
        self.reasons: Counter[str] = Counter()
        self.wrong = 0
        """How many of them are wrong; the others describe something else."""

    def add(self, error: NoFlowError, place: str) -> None:
        """Count a record; `place` says where it is, for the log."""
        is_wrong = not isinstance(error, OtherRecordError)
        self.wrong += is_wrong
        if is_wrong and error.reason not in self.reasons:
            log.warning("%s: %s; it is skipped, as are others like it", place, error)
        self.count(error.reason)

    def count(self, reason: str) -> None:
        """Count a reason."""
        is_new = reason not in self.reasons and len(self.reasons) >= MAX_REASONS
        self.reasons[OTHER_REASONS if is_new else reason] += 1


class LogReader:
    """Reads the logs of one kind. A file's lines arrive in any number of pieces.

    Args:
        kind: `zeek` or `suricata`.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._files: dict[Hashable, Callable[[str], Flow | None]] = {}
        self._seen: OrderedDict[int, None] = OrderedDict()
        self.skipped = Skipped()

    def flows(self, file: Hashable, name: str, first: int, lines: Iterable[bytes | None]) -> list[Flow]:
        """The flows of a file's next lines.

        Args:
            file: identifies the file, because the header of conn.log holds for the lines after it.
            name: for messages.
            first: the first line's number.
            lines: without their ends; None for a line that is too long to be read.
        """
        read = self._files.get(file) or self._files.setdefault(file, reading(self._kind))
        found = []
        for number, line in enumerate(lines, first):
            if line is None:
                self.skipped.add(NoFlowError(TOO_LONG, "the line is too long for a log"), f"{name}, line {number}")
                continue
            text = line.decode("utf-8", "replace")
            try:
                flow = read(text if number > 1 else text.removeprefix("\ufeff"))
            except NoFlowError as error:
                self.skipped.add(error, f"{name}, line {number}")
                continue
            if flow is None:
                continue
            if self._is_duplicate(flow.original):
                self.skipped.count(DUPLICATE)
            else:
                found.append(flow)
        return found

    def forget(self, file: Hashable) -> None:
        """Forget a file that is read to its end."""
        self._files.pop(file, None)

    def _is_duplicate(self, line: str) -> bool:
        key = hash(line)
        if key in self._seen:
            return True
        self._seen[key] = None
        if len(self._seen) > REMEMBERED_LINES:
            self._seen.popitem(last=False)
        return False


def reading(kind: str) -> Callable[[str], Flow | None]:
    """The function that reads one line after the other of a file of this kind."""
    return ConnLog().read if kind == "zeek" else suricata.read
