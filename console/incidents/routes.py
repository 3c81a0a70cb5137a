"""The route of one incident. The list comes with the page's other figures (`/api/pages/incidents`).

GET /api/incident?id=DATASET/KEY/FAMILY/TIME
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask, Response, request

from console.incidents.data import Desk
from contract.errors import InputError, shorten

MOST_DIGITS = 6


def install(app: Flask, desk: Callable[[], Desk], answer: Callable[[Any], Response]) -> None:
    """Add the route.

    Args:
        app: the application.
        desk: returns the incidents of the current model.
        answer: returns a JSON response.
    """

    def one() -> Response:
        return answer(desk().detail(request.args.get("id", ""), address=request.host_url))

    app.add_url_rule("/api/incident", endpoint="/api/incident", view_func=one, methods=["GET"])


def after_of(text: str) -> int:
    """Read the argument `after` of the list.

    Raises:
        InputError: it is no number.
    """
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS):
        raise InputError(f"`after` is {shorten(text)}, expected a number as the page before returns it")
    return int(text)
