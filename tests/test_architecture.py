"""Imports go down only, and each outside world stays behind its one package."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "egoclean"

LAYERS = {
    "records": 0, "config": 0, "errors": 0, "__init__": 0,
    "core": 1,
    "store": 2,
    "engines": 2,
    "media": 3, "models": 3, "charts": 3,
    "sources": 4, "exporters": 4, "demo": 4,
    "verbs": 6, "library": 6, "tables": 7, "report": 6,
    "stages": 7, "pipeline": 8, "panels": 8, "choosing": 8,
    "status": 9, "files": 9,
    "ui": 10, "cli": 10, "jobs": 10, "workers": 10, "__main__": 11,
    "app": 11, "pages": 11,
}  # fmt: skip
SIBLINGS = ({"media", "models", "charts"},)
ONLY_IN = {
    "torch": {"models"},
    "transformers": {"models"},
    "av": {"media"},
    "cv2": {"media"},
    "huggingface_hub": {"sources"},
    "tarfile": {"sources", "demo"},
    "streamlit": {"ui", "app", "pages"},
}
HEAVY = ("torch", "transformers", "av", "cv2", "huggingface_hub", "streamlit", "faiss", "sklearn", "plotly")


def unit_of(path: Path) -> str:
    relative = path.relative_to(ROOT).with_suffix("").parts
    if relative[0] != "egoclean":
        return relative[0]
    return relative[1] if len(relative) > 1 else "__init__"


def imports_of(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} uses a relative import"
            found += [
                f"{node.module}.{name.name}" if node.module == "egoclean" else str(node.module) for name in node.names
            ]
    return found


def sources() -> list[Path]:
    return [*sorted(PACKAGE.rglob("*.py")), *sorted((ROOT / "pages").glob("*.py")), ROOT / "app.py"]


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_down(path: Path):
    unit = unit_of(path)
    for name in imports_of(path):
        parts = name.split(".")
        if parts[0] == "egoclean" and len(parts) > 1:
            other = parts[1] if parts[1] in LAYERS else "__init__"
            assert LAYERS[other] <= LAYERS[unit], f"{unit} imports {name}, which lies above it"
            for family in SIBLINGS:
                assert not ({unit, other} <= family and unit != other), f"{unit} imports its sibling {other}"
        if parts[0] in ONLY_IN:
            assert unit in ONLY_IN[parts[0]], f"{unit} imports {parts[0]}, which belongs to {ONLY_IN[parts[0]]}"


@pytest.mark.parametrize("path", sorted((ROOT / "pages").glob("*.py")), ids=lambda path: path.name)
def test_pages_are_thin(path: Path):
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert len(text.splitlines()) <= 100
    assert not any(name.split(".")[0] in ("numpy", "pandas", "pathlib", "os") for name in imports_of(path))
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert "open" not in called
    assert not any(character.isdigit() for character in path.name)


def test_the_package_itself_loads_nothing_heavy():
    code = f"import sys, egoclean; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_file_is_long_and_every_public_function_is_documented():
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 400, path
        tree = ast.parse(text)
        assert ast.get_docstring(tree), f"{path} has no module docstring"
        for node in tree.body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
                assert ast.get_docstring(node), f"{path}: {node.name} has no docstring"


def test_forbidden_words_stay_out():
    for path in sources():
        text = path.read_text(encoding="utf-8")
        for word in ("unsafe_allow_html", "allow_pickle=True", "trust_remote_code=True", "extractall"):
            assert word not in text, f"{path} holds {word}"
