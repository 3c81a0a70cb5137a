"""The table of kinds of models in the docs names only existing tests."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_every_row_of_the_table_names_a_test_that_exists() -> None:
    page = (ROOT / "docs" / "bring-your-own-model.md").read_text(encoding="utf-8")
    _, _, table = page.split("Kinds of models\n", 1)[1].partition("\n| ")
    table = f"| {table}".partition("\n\n")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ") and not line.startswith(("| kind", "|---"))]
    assert len(rows) > 20
    for row in rows:
        named = re.findall(r"`(test_\w+\.py)(?:::(\w+))?`", row)
        assert named, row
        for file, test in named:
            source = (ROOT / "tests" / "integration" / "converter" / file).read_text(encoding="utf-8")
            assert f"def {test}(" in source if test else source, row
