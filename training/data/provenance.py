"""Identify the code that made a result: a digest of a module and of everything that it imports from `training`.

Comments, docstrings and layout do not count. So the result of an hour's training survives a better wording.
"""

from __future__ import annotations

import ast
import hashlib
from pathlib import Path

FOLDER = Path(__file__).parent.parent
DIGITS = 12


def code_digest(*modules: str) -> str:
    """Digest of these modules of `training` and their imports, by dotted name ("fit.train")."""
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
    """The modules of `training` that a module imports."""
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    names = [f"{node.module}{end}" for node in nodes for end in ("", *(f".{alias.name}" for alias in node.names))]
    ours = [name.removeprefix("training.") for name in names if name.startswith("training.")]
    return [name for name in ours if _file(name).is_file()]


def _file(name: str) -> Path:
    return FOLDER.joinpath(*name.split(".")).with_suffix(".py")


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
