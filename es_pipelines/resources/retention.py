"""How long events are kept, as a person sets it and as Elasticsearch takes it."""

from __future__ import annotations

import re

_LONGEST_DAYS = 36_500
_HOURS = {"d": 24, "h": 1}


def parse_retention(value: object) -> str | None:
    """A retention such as `30d`; None where events are kept for ever.

    Raises:
        ValueError: it is none; says what is expected.
    """
    if value is None or not (text := str(value).strip()):
        return None
    match = re.fullmatch(r"([1-9][0-9]{0,6})([dh])", text)
    if match is None or int(match[1]) * _HOURS[match[2]] > _LONGEST_DAYS * 24:
        raise ValueError(
            f"expected a number of days or hours such as 30d or 12h, at most {_LONGEST_DAYS}d, or nothing to "
            "keep events forever"
        )
    return text
