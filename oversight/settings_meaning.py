"""What each setting means: the docstring below it in its class, read from the source only when somebody asks.

pydantic can do this with `use_attribute_docstrings`, but it does it at every import: a tenth of a second for each
command.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from itertools import pairwise

from oversight.config.settings_base import Part


def meanings(part: type[Part]) -> dict[str, str]:
    """The meaning of each setting of a part, in one line; empty for a setting without a docstring."""
    found = dict.fromkeys(part.model_fields, "")
    for base in reversed(part.__mro__[: part.__mro__.index(Part)]):
        found |= {name: text for name, text in _docstrings(base).items() if name in found}
    return found


def _docstrings(base: type) -> dict[str, str]:
    """The text below each annotated attribute of one class."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(base))).body
    found = {}
    for attribute, below in pairwise(tree.body if isinstance(tree, ast.ClassDef) else []):
        if isinstance(attribute, ast.AnnAssign) and isinstance(attribute.target, ast.Name):
            match below:
                case ast.Expr(value=ast.Constant(value=str(text))):
                    found[attribute.target.id] = " ".join(text.split())
    return found
