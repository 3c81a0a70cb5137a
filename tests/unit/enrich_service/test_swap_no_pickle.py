"""No code of the service unpickles: the content of a model folder, a pipe or a request is data, never code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import contract
import enrich_service

PICKLERS = frozenset({"pickle", "_pickle", "cloudpickle", "dill", "joblib", "multiprocessing", "shelve"})
"""Modules that unpickle what they read, or (multiprocessing) what their pipes receive."""
LOADERS = frozenset({"load", "loads", "read_pickle", "eval", "exec"})


def sources() -> list[Path]:
    folders = [Path(str(package.__file__)).parent for package in (contract, enrich_service)]
    return [path for folder in folders for path in sorted(folder.rglob("*.py"))]


def imported(tree: ast.AST) -> Iterator[str]:
    """The top-level modules that a file imports, anywhere in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None and not node.level:
            yield node.module.split(".")[0]


def called(tree: ast.AST) -> Iterator[str]:
    """The calls in a file, as they are written."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def test_no_module_of_the_service_imports_a_pickler() -> None:
    """`contract` and `enrich_service` are all of our code that a worker runs."""
    found = {(path.name, name) for path in sources() for name in imported(ast.parse(path.read_bytes()))}
    assert len(found) > 50
    assert [entry for entry in sorted(found) if entry[1] in PICKLERS] == []


def test_only_json_is_loaded() -> None:
    """`load` of NumPy and others may unpickle too; `eval` and `exec` run code."""
    found = {(path.name, call) for path in sources() for call in called(ast.parse(path.read_bytes()))}
    loads = {call for _, call in found if call.split(".")[-1] in LOADERS}
    assert loads <= {"json.loads", "orjson.loads", "load"}, "`load` is the function for artifacts"
