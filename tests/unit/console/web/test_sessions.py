"""The session cookies of the console."""

from __future__ import annotations

from console.web.sessions import LASTS_S, Sessions

NOW_S = 1_795_600_000.0
SECRET = b"s" * 32


def people(**digests: str) -> Sessions:
    return Sessions("secret", digests.get, secret=SECRET)


def test_a_cookie_is_valid_until_it_expires() -> None:
    """It lasts a working day."""
    sessions = Sessions("secret")
    cookie = sessions.cookie(now_s=NOW_S)
    found = sessions.read(cookie, now_s=NOW_S + LASTS_S - 1)
    assert found is not None
    assert found.name == ""
    assert sessions.read(cookie, now_s=NOW_S + LASTS_S + 1) is None


def test_a_changed_or_foreign_cookie_is_invalid() -> None:
    """A new token invalidates all cookies of the previous one."""
    sessions = Sessions("secret")
    name, session_id, expiry, signature = sessions.cookie(now_s=NOW_S).split(".")
    other = Sessions("another").cookie(now_s=NOW_S)
    for wrong in (
        "",
        ".",
        "...",
        expiry,
        f".{session_id}.{int(expiry) + 1}.{signature}",
        f".{session_id}0.{expiry}.{signature}",
        f"ann.{session_id}.{expiry}.{signature}",
        f"{name}.{session_id}.{expiry}.{signature[:-1]}0x",
        other,
        f".{session_id}.٣.{signature}",
        "ü.ü.ü.ü",
    ):
        assert sessions.read(wrong, now_s=NOW_S) is None


def test_a_cookie_names_its_person_and_no_other() -> None:
    """Two people have different keys, so one cannot turn their cookie into the other's."""
    sessions = people(ann="a" * 64, **{"b.o-b@x": "b" * 64})
    cookie = sessions.cookie("b.o-b@x", now_s=NOW_S)
    found = sessions.read(cookie, now_s=NOW_S)
    assert found is not None
    assert found.name == "b.o-b@x"
    assert sessions.read(cookie.replace("b.o-b@x", "ann", 1), now_s=NOW_S) is None
    assert sessions.read(cookie.replace("b.o-b@x", "", 1), now_s=NOW_S) is None


def test_a_removed_person_a_new_token_and_another_console_end_a_session() -> None:
    cookie = people(ann="a" * 64).cookie("ann", now_s=NOW_S)
    assert people(ann="a" * 64).read(cookie, now_s=NOW_S) is not None
    assert people().read(cookie, now_s=NOW_S) is None
    assert people(ann="c" * 64).read(cookie, now_s=NOW_S) is None
    forged = Sessions("secret", {"ann": "a" * 64}.get, secret=b"x" * 32)
    assert forged.read(cookie, now_s=NOW_S) is None, "the hashes in the file do not make a cookie"


def test_signing_out_ends_one_session_only() -> None:
    sessions = people(ann="a" * 64)
    one, other = sessions.cookie("ann", now_s=NOW_S), sessions.cookie("ann", now_s=NOW_S)
    assert one != other, "each sign-in is a session of its own"
    found = sessions.read(one, now_s=NOW_S)
    assert found is not None
    sessions.end(found, now_s=NOW_S)
    assert sessions.read(one, now_s=NOW_S) is None
    assert sessions.read(other, now_s=NOW_S) is not None


def test_each_session_has_its_own_csrf_token() -> None:
    sessions = people(ann="a" * 64)
    tokens = set()
    for _ in range(3):
        session = sessions.read(sessions.cookie("ann", now_s=NOW_S), now_s=NOW_S)
        assert session is not None
        assert sessions.csrf(session) == sessions.csrf(session)
        tokens.add(sessions.csrf(session))
    assert len(tokens) == 3


def test_the_token_is_not_in_its_cookie() -> None:
    """A reader of the cookie cannot sign in again."""
    assert "secret" not in Sessions("secret").cookie(now_s=NOW_S)
