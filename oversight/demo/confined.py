"""Run a program with access to only one folder and one port, as far as the kernel can enforce it.

    python -m oversight.demo.confined PORT FOLDER PROGRAM [ARGUMENT ...]

    Landlock ──▶ files: read libraries, run the program, change FOLDER
             ──▶ TCP: listen on PORT and on a port that the kernel chooses; no connections
             ──▶ signals and abstract sockets of other processes: none
    always   ──▶ an empty environment, FOLDER as the working folder, no new privileges

Linux has Landlock since 5.13, for TCP since 6.7. The first line of the output says what is enforced. UDP is not
covered.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache")
"""What a program that is linked to the C library reads."""
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
"""System calls, with the same numbers on x86-64 and ARM."""
PR_SET_NO_NEW_PRIVS = 38
VERSION_FLAG = 1
RULE_FILES, RULE_PORT = 1, 2
EXECUTE, READ_FILE, READ_DIR = 1 << 0, 1 << 2, 1 << 3
OF_FILES = EXECUTE | READ_FILE | 1 << 1 | 1 << 14 | 1 << 15
"""Rights that a rule for a single file may give; these include write, truncate and ioctl."""
FILES = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
"""All rights on files, by the version of Landlock that added the last of them."""
PORTS_SINCE, SCOPES_SINCE = 4, 6
BIND, CONNECT = 1 << 0, 1 << 1
SCOPES = 1 << 0 | 1 << 1
"""Abstract Unix sockets, and signals."""
ANY_FREE_PORT = 0
"""Bind to port 0. The engine also listens on a free port, on loopback, for its own `stop` command."""

_libc = ctypes.CDLL(None, use_errno=True)


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("ports", ctypes.c_uint64), ("scopes", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


class _Port(ctypes.Structure):
    _fields_ = (("allowed", ctypes.c_uint64), ("port", ctypes.c_uint64))


def main() -> None:
    """Confine this process and become the program."""
    port, folder, program = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
    version = landlock_version()
    os.chdir(folder)
    sys.stdout.write(f"{described(version, port=port, folder=folder)}\n")
    sys.stdout.flush()
    _checked(_libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    if version:
        confine(version, port=port, folder=folder, program=Path(program[0]))
    os.execve(program[0], program, {})  # noqa: S606  replaces this process; there is no shell


def landlock_version() -> int:
    """Return the kernel's version of Landlock; 0: it has none, or it is off."""
    if sys.platform != "linux":
        return 0
    return max(0, int(_libc.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), VERSION_FLAG)))


def described(version: int, *, port: int, folder: Path) -> str:
    """Return what is enforced, for the log."""
    files = f"can read libraries and change only {folder}"
    if version >= PORTS_SINCE:
        return f"confined by Landlock {version}: {files}, listens on port {port}, cannot connect to any TCP port"
    open_ports = "connections are not confined (that needs Linux 6.7)"
    if version:
        return f"partly confined by Landlock {version}: {files}; {open_ports}"
    return (
        "NOT confined: this kernel has no Landlock (that needs Linux 5.13), so the engine can read your files and "
        "connect anywhere"
    )


def confine(version: int, *, port: int, folder: Path, program: Path) -> None:
    """Take away every right that the program does not need. This cannot be undone.

    Raises:
        OSError: the kernel refuses it.
    """
    all_rights = FILES[max(number for number in FILES if number <= version)]
    with_ports, with_scopes = version >= PORTS_SINCE, version >= SCOPES_SINCE
    rules = _Ruleset(all_rights, BIND | CONNECT if with_ports else 0, SCOPES if with_scopes else 0)
    size = 8 * (1 + with_ports + with_scopes)
    ruleset = _checked(_libc.syscall(CREATE_RULESET, ctypes.byref(rules), ctypes.c_size_t(size), 0))
    for path, rights in _paths(folder, program, all_rights).items():
        _allow_path(ruleset, path, rights)
    for number in (port, ANY_FREE_PORT) if with_ports else ():
        rule = _Port(BIND, number)
        _checked(_libc.syscall(ADD_RULE, ruleset, RULE_PORT, ctypes.byref(rule), 0))
    _checked(_libc.syscall(RESTRICT_SELF, ruleset, 0))
    os.close(ruleset)


def _paths(folder: Path, program: Path, all_rights: int) -> Mapping[Path, int]:
    readable = {Path(name): EXECUTE | READ_FILE | READ_DIR for name in LIBRARIES}
    return readable | {program: EXECUTE | READ_FILE, folder: all_rights & ~EXECUTE}


def _allow_path(ruleset: int, path: Path, rights: int) -> None:
    for descriptor in _opened(path):
        allowed = rights if path.is_dir() else rights & OF_FILES
        rule = _Beneath(allowed, descriptor)
        _checked(_libc.syscall(ADD_RULE, ruleset, RULE_FILES, ctypes.byref(rule), 0))


def _opened(path: Path) -> Iterator[int]:
    """Yield a descriptor of the path; none if the path does not exist."""
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"Landlock: {os.strerror(number)}")
    return result


if __name__ == "__main__":
    main()
