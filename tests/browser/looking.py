"""A tab of the dashboard: open a page, wait until it is drawn, remember what the console said."""

from __future__ import annotations

import re
from typing import Any

WIDTH_PX, HEIGHT_PX = 1280, 900
PATIENCE_MS = 90_000
EXPECTED = (
    # Streamlit asks for its server below the page's own address first, to find out whether it has a base path.
    re.compile(r"404 \(Not Found\)$"),
    # Software rendering in a headless browser.
    re.compile(r"GPU stall due to ReadPixels"),
)
DRAWN = """() => {
  const main = document.querySelector('[data-testid="stMain"]');
  return main && main.querySelector('h1') && !document.querySelector('[data-testid="stSkeleton"]')
    && !document.querySelector('[data-testid="stStatusWidgetRunningIcon"], [data-testid="stAppRunning"]')
    && document.querySelector('[data-testid="stApp"]').getAttribute('data-test-script-state') !== 'running';
}"""


def new_window(browser: Any, scheme: str = "light") -> Any:
    """Return a browser window, 1280 pixels wide, that prefers light or dark pages."""
    size = {"width": WIDTH_PX, "height": HEIGHT_PX}
    return browser.new_context(viewport=size, color_scheme=scheme, accept_downloads=True)


class Tab:
    """One tab of a window; ``errors`` collects what went wrong in it."""

    def __init__(self, window: Any, address: str) -> None:
        self.address = address
        self.errors: list[str] = []
        self.page = window.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.errors.append(f"script: {error}"))
        self.page.on("request", self._request)

    def open(self, name: str) -> Any:
        """Open a page of the dashboard and return it once it is drawn."""
        self.page.goto(f"{self.address}/{'' if name == 'overview' else name}")
        return self.wait()

    def wait(self) -> Any:
        """Wait until the page is drawn; a fault that Streamlit shows counts as an error of the tab."""
        self.page.wait_for_timeout(300)
        self.page.wait_for_function(DRAWN)
        self.errors += [item.inner_text() for item in self.page.get_by_test_id("stException").all()]
        return self.page

    def text(self) -> str:
        """Everything the page says."""
        return str(self.page.get_by_test_id("stMain").inner_text())

    def metric(self, label: str) -> str:
        """The number under ``label``."""
        box = self.page.get_by_test_id("stMetric").filter(has_text=label).first
        return str(box.get_by_test_id("stMetricValue").inner_text())

    def close(self) -> None:
        """Close the tab."""
        self.page.close()

    def _console(self, message: Any) -> None:
        text = f"{message.type}: {message.text}"
        if message.type in ("error", "warning") and not any(known.search(text) for known in EXPECTED):
            self.errors.append(text)

    def _request(self, request: Any) -> None:
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.errors.append(f"asked another host: {request.url}")
