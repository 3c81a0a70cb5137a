"""Access to the console."""

from __future__ import annotations

from console.web.sessions import LASTS_S, Sessions

NOW_S = 1_795_600_000.0


def test_without_a_token_everyone_may_look() -> None:
    """For a console on the user's own machine."""
    assert Sessions(None).allow_cookie("", now_s=NOW_S)


def test_a_cookie_is_valid_until_it_expires() -> None:
    """It lasts a working day."""
    sessions = Sessions("secret")
    cookie = sessions.cookie(now_s=NOW_S)
    assert sessions.allow_cookie(cookie, now_s=NOW_S + LASTS_S - 1)
    assert not sessions.allow_cookie(cookie, now_s=NOW_S + LASTS_S + 1)


def test_a_changed_or_foreign_cookie_is_invalid() -> None:
    """A new token invalidates all cookies of the previous one."""
    sessions = Sessions("secret")
    expiry, signature = sessions.cookie(now_s=NOW_S).split(".")
    other = Sessions("another").cookie(now_s=NOW_S)
    for wrong in (
        "",
        ".",
        expiry,
        f"{int(expiry) + 1}.{signature}",
        f"{expiry}.{signature[:-1]}0x",
        other,
        f"٣.{signature}",
        "ü.ü",
    ):
        assert not sessions.allow_cookie(wrong, now_s=NOW_S)


def test_the_token_is_not_in_its_cookie() -> None:
    """A reader of the cookie cannot sign in again."""
    assert "secret" not in Sessions("secret").cookie(now_s=NOW_S)
