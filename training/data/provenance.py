"""Which code made a result: a digest that changes with the code of a module and of all that it imports from here.

Comments, docstrings and layout do not count, so a result of an hour's training outlives a better wording.
"""

from __future__ import annotations

import ast
import hashlib
from pathlib import Path

FOLDER = Path(__file__).parent.parent
DIGITS = 12


def code_digest(*modules: str) -> str:
    """Digest over these modules of this folder and what they import of it, by dotted name ("fit.train")."""
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
    """Modules of this folder that a module imports."""
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    names = [f"{node.module}{end}" for node in nodes for end in ("", *(f".{alias.name}" for alias in node.names))]
    ours = [name.removeprefix("training.") for name in names if name.startswith("training.")]
    return [name for name in ours if _file(name).is_file()]


def _file(name: str) -> Path:
    return FOLDER.joinpath(*name.split(".")).with_suffix(".py")


def _without_docstrings(tree: ast.Module) -> ast.Module:
    """The same tree; strings that stand alone, which document, are taken out."""
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
