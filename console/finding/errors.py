"""The error of a query line."""

from __future__ import annotations

from contract.errors import InputError


class QueryLineError(InputError):
    """A query line cannot be read.

    Attributes:
        position: the character that is wrong, from 0.
    """

    code = "query_line"

    def __init__(self, message: str, position: int) -> None:
        self.position = position
        super().__init__(f"query line, character {position + 1}: {message}")
