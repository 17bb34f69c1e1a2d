"""README and the command reference cannot drift from the code."""

from __future__ import annotations

from pathlib import Path

from egoclean.cli.reference import reference
from egoclean.ui.glossary import TERMS

ROOT = Path(__file__).resolve().parent.parent
MARK = "<!-- glossary: made from egoclean/ui/glossary.py -->\n"


def glossary() -> str:
    return "".join(f"- **{term}**: {meaning}\n" for term, meaning in TERMS.items())


def test_the_glossary_is_the_one_of_the_pages():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme.partition(MARK)[2].strip() == glossary().strip()


def test_the_command_reference_is_what_the_commands_print():
    assert (ROOT / "docs" / "cli.md").read_text(encoding="utf-8") == reference()


def test_readme_leads_from_what_it_is_to_the_glossary():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    places = [
        readme.index(text)
        for text in (
            "# egoclean",
            "docs/screenshots/",
            "bash run.sh test",
            "## Your own footage",
            "## Egocentric-10K",
            "## nuScenes",
            "## Glossary",
        )
    ]
    assert places == sorted(places)
    picture = readme.partition("](docs/screenshots/")[2].partition(")")[0]
    assert (ROOT / "docs" / "screenshots" / picture).is_file()
