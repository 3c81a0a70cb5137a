"""Collects the pages of the documentation's site for MkDocs (`make site`).

    docs/**/*.md, and the files of the project that they link to ──▶ FOLDER/pages
    mkdocs.yml, with the list of decisions                       ──▶ FOLDER/mkdocs.yml

A link that leaves docs/ leads to a copy below `source/`: a page as it is, any other text as a page that shows it.

python -m docs.generate.site FOLDER
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
LINK = re.compile(r"\]\((?!\w+:)([^)#\s]+)(#[^)\s]*)?\)")
FENCE = re.compile(r"^( *)```.*?^\1```", re.MULTILINE | re.DOTALL)
PICTURES = (".png", ".svg")
WEIGHTS = {"troubleshooting.md": 4, "benchmarks.md": 0.3, "moved-modules.md": 0.1, "decisions": 0.2, "source": 0.2}
"""How far up the search shows a page or the pages of a folder; 1 if it is not here."""


class Site:
    """The pages below one folder."""

    def __init__(self, folder: Path) -> None:
        self.pages = folder / "pages"
        self.placed: set[Path] = set()

    def add(self, path: Path) -> Path:
        """Write the page of a file or folder of the project, and return its path.

        Raises:
            FileNotFoundError: a page links to a file that does not exist.
        """
        page = self._page(path)
        if page not in self.placed:
            self.placed.add(page)
            page.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix in PICTURES:
                shutil.copyfile(path, page)
            else:
                page.write_text(self._weight(page) + self._text(path, page), encoding="utf-8")
        return page

    def _weight(self, page: Path) -> str:
        weight = WEIGHTS.get(page.relative_to(self.pages).parts[0])
        return f"---\nsearch: {{boost: {weight}}}\n---\n\n" if weight else ""

    def _page(self, path: Path) -> Path:
        if path.is_relative_to(DOCS) and (path.is_dir() or path.suffix in (".md", *PICTURES)):
            page = self.pages / path.relative_to(DOCS)
        else:  # MkDocs leaves out names that begin with a dot
            page = self.pages.joinpath("source", *(part.lstrip(".") for part in path.relative_to(ROOT).parts))
        if path.is_dir():
            return page / "index.md"
        return page if path.suffix in (".md", *PICTURES) else page.with_name(f"{page.name}.md")

    def _text(self, path: Path, page: Path) -> str:
        if path.is_dir():
            return self._listing(path, page)
        text = path.read_text(encoding="utf-8")
        if path.suffix != ".md":
            return f"# {path.name}\n\n`{path.relative_to(ROOT)}`\n\n```\n{text.rstrip()}\n```\n"
        return self._with_links(text, path, page)

    def _listing(self, folder: Path, page: Path) -> str:
        """Return a page with a link to each file of a folder."""
        lines = [f"# Files in `{folder.relative_to(ROOT)}`", ""]
        for path in sorted(path for path in folder.iterdir() if path.is_file()):
            name = title(path) if path.suffix == ".md" else path.name
            lines.append(f"- [{name}]({os.path.relpath(self.add(path), page.parent)})")
        return "\n".join(lines) + "\n"

    def _with_links(self, text: str, path: Path, page: Path) -> str:
        """Return the text with its links changed so that they fit the site; blocks of code stay as they are."""

        def changed(link: re.Match[str]) -> str:
            target = self.add((path.parent / link[1]).resolve())
            return f"]({os.path.relpath(target, page.parent)}{link[2] or ''})"

        parts, end = [], 0
        for fence in FENCE.finditer(text):
            parts += [LINK.sub(changed, text[end : fence.start()]), fence[0]]
            end = fence.end()
        return "".join([*parts, LINK.sub(changed, text[end:])])


def title(page: Path) -> str:
    """Return the first heading of a page."""
    heading = re.search(r"^# +(.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return heading[1] if heading else page.stem


def collect(folder: Path) -> None:
    """Write the pages and the settings of MkDocs."""
    shutil.rmtree(folder, ignore_errors=True)
    site = Site(folder)
    for page in [DOCS / "decisions", *sorted(DOCS.glob("**/*.md"))]:
        site.add(page)
    decisions = [
        f"          - decisions/{page.name}\n"
        for page in [Path("index.md"), *sorted((DOCS / "decisions").glob("*.md"))]
    ]
    settings = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    (folder / "mkdocs.yml").write_text(
        settings.replace("          - decisions/\n", "".join(decisions)), encoding="utf-8"
    )


if __name__ == "__main__":
    collect(Path(sys.argv[1]).resolve())
