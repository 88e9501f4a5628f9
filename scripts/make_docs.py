"""Writes the generated parts of the documentation."""

from __future__ import annotations

from pathlib import Path

from hookflash.cli.settings import markdown_table

DOCS = Path(__file__).resolve().parent.parent / "docs"
BEGIN, END = "<!-- settings: begin -->\n", "<!-- settings: end -->\n"


def main() -> None:
    """Put the table of settings between its marks."""
    page = DOCS / "configuration.md"
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(before + BEGIN + markdown_table() + END + after, encoding="utf-8")


if __name__ == "__main__":
    main()
