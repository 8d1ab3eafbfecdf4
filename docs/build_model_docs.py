"""Write docs/models.md from docs/model_cards/page.md and the cards; with --check, fail when the file is stale."""

import sys
from pathlib import Path

from radrag.models import registry
from radrag.models.card import ModelCard
from radrag.models.describe import facts

HERE = Path(__file__).parent
TARGET = HERE / "models.md"
PAGE = HERE / "model_cards" / "page.md"
NOTE = "<!-- Made by `make docs` from docs/model_cards/page.md and the cards. -->"


def overview() -> str:
    """Return a table with a row a model of the registry."""
    lines = ["| name | what | weights | vector | findings | licence |", "|---|---|---|---|---|---|"]
    for name, entry in registry.REGISTRY.items():
        card = entry.card()
        weights = "come with the installation" if entry.shipped else "`radrag models pull`"
        lines.append(
            f"| `{name}` | {entry.about} | {weights} | {card.dimension:,} | {_findings(card)} | {card.licence} |"
        )
    return "\n".join(lines)


def _findings(card: ModelCard) -> str:
    if not card.trained:
        return "none"
    return f"{len(card.trained)}, {'calibrated' if card.calibrated else 'scores'}"


def cards() -> str:
    """Return one section a model, with all that its card says."""
    sections = []
    for name, entry in registry.REGISTRY.items():
        more = HERE / "model_cards" / f"{name}.md"
        link = (
            f"\nMore, with all scores: [model_cards/{more.name}](model_cards/{more.name}).\n" if more.exists() else ""
        )
        rows = "\n".join(f"- {what}: {value}" for what, value in facts(entry.card()))
        sections.append(f"### `{name}`\n{link}\n{rows}\n")
    return "\n".join(sections).strip()


def page() -> str:
    """Return the whole page."""
    text = PAGE.read_text(encoding="utf-8")
    return f"{NOTE}\n\n" + text.replace("<!-- table -->", overview()).replace("<!-- cards -->", cards())


def main() -> int:
    """Write or check the file."""
    if "--check" not in sys.argv:
        TARGET.write_text(page(), encoding="utf-8")
    elif not TARGET.exists() or TARGET.read_text(encoding="utf-8") != page():
        sys.stderr.write("docs/models.md is stale: run `make docs`.\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
