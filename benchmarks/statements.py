"""Count the code of the product: statements of the installed packages, without docstrings.

python -m benchmarks.statements [--other FOLDER]

A statement is a node of Python's syntax tree (`ast.stmt`); layout, comments and the length of lines do not count.
`--other` adds the count of another checkout:

    git worktree add ../before COMMIT && python -m benchmarks.statements --other ../before
"""

from __future__ import annotations

import argparse
import ast
import sys
from pathlib import Path

from oversight.own_packages import OURS

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = sorted(OURS | {"oversight"})


def main() -> None:
    """Print a line for each package, and the sum."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--other", type=Path, help="folder of another checkout")
    other = parser.parse_args().other
    here = {package: statements(ROOT / package) for package in PACKAGES}
    if other is None:
        rows = [(package, str(count)) for package, count in here.items()]
        rows.append(("all", str(sum(here.values()))))
    else:
        there = {package: statements(other / package) for package in PACKAGES}
        here["all"], there["all"] = sum(here.values()), sum(there.values())
        rows = [
            (package, f"{there[package]:6} {count:6} {change(there[package], count)}")
            for package, count in here.items()
        ]
        sys.stdout.write(f"{'':15}  there   here\n")
    sys.stdout.writelines(f"{package:15} {text}\n" for package, text in rows)


def statements(package: Path) -> int:
    """Number of statements in all modules below a folder."""
    return sum(_of_module(ast.parse(path.read_text(encoding="utf-8"))) for path in package.rglob("*.py"))


def _of_module(tree: ast.Module) -> int:
    return sum(isinstance(node, ast.stmt) and not _is_docstring(node) for node in ast.walk(tree))


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def change(before: int, now: int) -> str:
    """The difference in percent; a dash if the count before was 0."""
    return f"{(now - before) / before:+7.1%}" if before else "      -"


if __name__ == "__main__":
    main()
