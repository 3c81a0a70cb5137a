"""Who may look."""

from __future__ import annotations

from console.web.sessions import LASTS_S, Sessions

NOW_S = 1_795_600_000.0


def test_without_a_token_nothing_is_asked_for() -> None:
    """As on a machine of one's own."""
    assert Sessions(None).allow_cookie("", now_s=NOW_S)


def test_a_cookie_is_good_until_it_ends() -> None:
    """A working day."""
    sessions = Sessions("secret")
    cookie = sessions.cookie(now_s=NOW_S)
    assert sessions.allow_cookie(cookie, now_s=NOW_S + LASTS_S - 1)
    assert not sessions.allow_cookie(cookie, now_s=NOW_S + LASTS_S + 1)


def test_a_cookie_that_was_changed_or_made_elsewhere_is_none() -> None:
    """Another token ends all cookies of the one before."""
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
    """Who reads the cookie cannot sign in anew."""
    assert "secret" not in Sessions("secret").cookie(now_s=NOW_S)
