"""Why a record of a source gives no flow."""

from __future__ import annotations


class NoFlowError(Exception):
    """A record is wrong, or lacks what a flow needs. The message names the field, its value and what was expected.

    Args:
        reason: the same text for every record with this problem, so that records can be counted by it.
        message: without the place of the record, which the reader knows.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class OtherRecordError(NoFlowError):
    """Nothing is wrong with the record, but it describes no connection of KDD's kinds: an alert, another protocol."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, reason)
