"""A browser for tests of pages: headless Chromium, one for each process that runs tests.

It reaches no network but this machine's own loopback, keeps its profile in a folder of the tests,
and is gone, with all processes that it started, when the tests are over. What is left out: what a
page should look like, which is said by the tests that visit it.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

PATIENCE_S = 120.0
"""How long a page may take: so long as no machine needs that works at all."""

WITHOUT_NETWORK = "MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost"
"""No name is looked up, so that nothing is fetched from elsewhere even by accident."""

ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",  # tests run as root in containers
    "--disable-dev-shm-usage",  # /dev/shm is watched for what tests leave behind
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    f"--host-resolver-rules={WITHOUT_NETWORK}",
    "--window-size=1280,900",
)

DRIVERS: set[int] = set()
"""Process ids of the drivers that are meant to outlive a test; all of a browser is below one."""


class Browser:
    """One browser with one page at a time; `driver` is selenium's, for all that is not here."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver
        self.command = driver.execute_cdp_cmd

    def visit(self, page: str | Path) -> None:
        """Open a page, by its address or its file, in light colours; wait until it has loaded."""
        self.driver.get("about:blank")  # what the page before is still asking for ends here
        self.prefers("light")
        for kind in ("browser", "performance"):
            self.driver.get_log(kind)  # type: ignore[no-untyped-call]
        self.driver.get(page if isinstance(page, str) else page.resolve().as_uri())

    def complaints(self) -> list[str]:
        """What the console has said that is worse than a note, since it was last asked."""
        entries = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        return [entry["message"] for entry in entries if entry["level"] in ("WARNING", "SEVERE")]

    def requests(self) -> list[str]:
        """Addresses that were asked for since the page was visited or this was last asked.

        What a page carries within itself is not asked of anybody, and is left out.
        """
        entries = self.driver.get_log("performance")  # type: ignore[no-untyped-call]
        messages = [json.loads(entry["message"])["message"] for entry in entries]
        addresses = [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]
        return [address for address in addresses if not address.startswith("data:")]

    def prefers(self, colours: str) -> None:
        """Have the user prefer "light" or "dark" colours."""
        feature = {"name": "prefers-color-scheme", "value": colours}
        self.command("Emulation.setEmulatedMedia", {"features": [feature]})

    def pdf(self) -> bytes:
        """Print the page, with the backgrounds that it wants printed."""
        printed = self.command("Page.printToPDF", {"printBackground": True})
        return base64.b64decode(printed["data"])

    def screenshot(self, width_px: int = 1280) -> bytes:
        """Return the whole page, however long, as the bytes of a PNG file."""
        size = {"width": width_px, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.command("Emulation.setDeviceMetricsOverride", size)
        try:
            taken = self.command("Page.captureScreenshot", {"captureBeyondViewport": True})
        finally:
            self.command("Emulation.clearDeviceMetricsOverride", {})
        return base64.b64decode(taken["data"])

    def run(self, script: str, *arguments: Any) -> Any:
        """Run JavaScript in the page and return what it returns."""
        return self.driver.execute_script(script, *arguments)  # type: ignore[no-untyped-call]


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser that tests share; each visits a page of its own."""
    folder = tmp_path_factory.mktemp("browser")
    service = Service(_found("chromedriver"), env=_environment(folder))
    driver = webdriver.Chrome(_options(folder), service)
    root = psutil.Process(service.process.pid)
    DRIVERS.add(root.pid)
    driver.set_page_load_timeout(PATIENCE_S)
    driver.set_script_timeout(PATIENCE_S)
    try:
        yield Browser(driver)
    finally:
        started = root.children(recursive=True)
        driver.quit()
        _, alive = psutil.wait_procs(started, timeout=PATIENCE_S / 2)
        for process in alive:
            process.kill()
        DRIVERS.discard(root.pid)


def _options(folder: Path) -> Options:
    options = Options()
    options.binary_location = _found("chromium")
    for argument in (*ARGUMENTS, f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return options


def _environment(folder: Path) -> dict[str, str]:
    """As the tests', but for where Chromium would otherwise write beside its profile."""
    homes = ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR", "TMPDIR")
    return {**os.environ, **{name: str(folder) for name in homes}}


def _found(program: str) -> str:
    path = shutil.which(program)
    assert path, f"{program} is missing; scripts/test installs it"
    return path
