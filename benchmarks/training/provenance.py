"""Identify the code that made a result: a digest of modules and of what they import from `training` and from here.

Comments, docstrings and layout do not count. So the result of an hour's training survives a better wording.
"""

from __future__ import annotations

import ast
import hashlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OURS = ("training.", "benchmarks.training.")
DIGITS = 12


def code_digest(*modules: str) -> str:
    """Digest of these modules and their imports, by dotted name ("training.fit.train")."""
    trees: dict[str, ast.Module] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name not in trees:
            trees[name] = ast.parse(_file(name).read_text(encoding="utf-8"))
            waiting += _imported(trees[name])
    digest = hashlib.sha256()
    for name in sorted(trees):
        digest.update(f"{name}\n{ast.dump(_without_docstrings(trees[name]))}\n".encode())
    return digest.hexdigest()[:DIGITS]


def _imported(tree: ast.Module) -> list[str]:
    """Our modules that a module imports."""
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    names = [f"{node.module}{end}" for node in nodes for end in ("", *(f".{alias.name}" for alias in node.names))]
    return [name for name in names if name.startswith(OURS) and _file(name).is_file()]


def _file(name: str) -> Path:
    return ROOT.joinpath(*name.split(".")).with_suffix(".py")


def _without_docstrings(tree: ast.Module) -> ast.Module:
    """The same tree without docstrings and other strings that are statements."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            body[:] = [
                item
                for item in body
                if not (
                    isinstance(item, ast.Expr)
                    and isinstance(item.value, ast.Constant)
                    and isinstance(item.value.value, str)
                )
            ]
    return tree
