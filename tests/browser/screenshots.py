"""Pictures of every page, light and dark: ``python -m tests.browser.screenshots --project DIR``.

At 1280 pixels; each becomes ``docs/screenshots/PAGE-SCHEME.webp``, at most 150 kB.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))

from egoclean.store.project import open_project

PAGES = [
    "overview",
    "ingest",
    "clips",
    "rectify",
    "score",
    "structure",
    "map",
    "review",
    "select",
    "evaluate",
    "export",
    "runs",
]
MOST_BYTES = 150_000
TALLEST_PX = 1800
SETTLE_MS = 1500


def shoot(address: str, out: Path, pages: list[str], schemes: list[str], browser: object, suffix: str = "") -> None:
    """Take a picture of each page in each scheme, from the server at ``address``."""
    from looking import HEIGHT_PX, WIDTH_PX, Tab, new_window

    for scheme in schemes:
        window = new_window(browser, scheme)
        tab = Tab(window, address)
        for name in pages:
            page = tab.open(name)
            page.wait_for_timeout(SETTLE_MS)
            height = page.evaluate("""() => document.querySelector('[data-testid="stMain"]').scrollHeight""")
            page.set_viewport_size({"width": WIDTH_PX, "height": max(HEIGHT_PX, min(height, TALLEST_PX))})
            page.wait_for_timeout(SETTLE_MS)
            save(page.screenshot(), out / f"{name}{suffix}-{scheme}.webp")
            page.set_viewport_size({"width": WIDTH_PX, "height": HEIGHT_PX})
        for error in tab.errors:
            sys.stderr.write(f"{scheme}: {error}\n")
        window.close()


def save(png: bytes, path: Path) -> None:
    """Write a picture as WebP, as good as fits into 150 kB."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    path.parent.mkdir(parents=True, exist_ok=True)
    for quality in (88, 80, 70, 55, 40):
        picture.save(path, quality=quality, method=6)
        if path.stat().st_size <= MOST_BYTES:
            return


def main() -> None:
    """Serve a project, and an empty one for the first screen, and take the pictures."""
    from playwright.sync_api import sync_playwright
    from serving import ARGUMENTS, CHROMIUM, dashboard

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--project", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("docs/screenshots"))
    parser.add_argument("--pages", default=",".join(PAGES))
    parser.add_argument("--schemes", default="light,dark")
    given = parser.parse_args()
    with sync_playwright() as driver, tempfile.TemporaryDirectory() as folder:
        browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=list(ARGUMENTS))
        schemes = given.schemes.split(",")
        with dashboard(open_project(given.project), Path(folder) / "app.log") as address:
            shoot(address, given.out, given.pages.split(","), schemes, browser)
        with dashboard(open_project(Path(folder) / "project"), Path(folder) / "empty.log") as address:
            shoot(address, given.out, ["overview"], schemes, browser, "-first")
        browser.close()


if __name__ == "__main__":
    main()
