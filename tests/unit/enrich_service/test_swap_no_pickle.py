"""Nothing in the serving path unpickles: what a model folder, a pipe or a client holds is data and never code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import contract
import enrich_service

PICKLERS = frozenset({"pickle", "_pickle", "cloudpickle", "dill", "joblib", "multiprocessing", "shelve"})
"""Modules that unpickle what they read, or (multiprocessing) what comes through their pipes."""
LOADERS = frozenset({"load", "loads", "read_pickle", "eval", "exec"})


def sources() -> list[Path]:
    folders = [Path(str(package.__file__)).parent for package in (contract, enrich_service)]
    return [path for folder in folders for path in sorted(folder.rglob("*.py"))]


def imported(tree: ast.AST) -> Iterator[str]:
    """The top modules that a file imports, wherever it does."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None and not node.level:
            yield node.module.split(".")[0]


def called(tree: ast.AST) -> Iterator[str]:
    """What a file calls, as it is written."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def test_no_module_of_the_service_imports_a_pickler() -> None:
    """`contract` and `enrich_service`, the whole of our code that a worker runs."""
    found = {(path.name, name) for path in sources() for name in imported(ast.parse(path.read_bytes()))}
    assert len(found) > 50
    assert [entry for entry in sorted(found) if entry[1] in PICKLERS] == []


def test_what_is_loaded_is_json() -> None:
    """NumPy's and others' `load` may unpickle as well; `eval` and `exec` need no word."""
    found = {(path.name, call) for path in sources() for call in called(ast.parse(path.read_bytes()))}
    loads = {call for _, call in found if call.split(".")[-1] in LOADERS}
    assert loads <= {"json.loads", "orjson.loads", "load"}, "`load` is the artifact's own"
