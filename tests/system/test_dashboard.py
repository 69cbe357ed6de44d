"""The page of `neuroloop dashboard` in a real browser, beside real sessions.

With NEUROLOOP_PICTURES=FOLDER the pictures of the documentation are made there by the way, from
sessions that have gone on for longer.
"""

import io
import json
import os
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import PIL.Image
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from controller.control.messages import AddNote
from sessions.reader import LogReader

from ..browser import Browser
from .conftest import ENDLESS, NEUROLOOP, ONE_PROCESS, PATIENCE_S, VIRTUAL, Lab, wait_for

pytestmark = pytest.mark.system

PICTURES = os.environ.get("NEUROLOOP_PICTURES")
ENOUGH = 30 if PICTURES else 2
"""Generations until there is something to see."""
NASTY = "<img src=x onerror=document.title='pwned'><b>drowsy</b> & reward up"

NAME = "<img src=x onerror=document.title=1>"


@dataclass(frozen=True, eq=False)
class Dashboard:
    """A dashboard that runs, and the page of it in a browser."""

    process: subprocess.Popen[str]
    address: str
    token: str
    port: int
    browser: Browser

    def kind(self) -> str:
        """What the page says of the session, in one word."""
        return str(self.browser.run("return document.body.dataset.kind"))

    def wait_for_kind(self, kind: str) -> None:
        wait_for(lambda: self.kind() == kind, f"the page to say {kind}")

    def text(self, element: str) -> str:
        return str(self.browser.run(f"return document.getElementById('{element}').innerText"))

    def click(self, element: str) -> None:
        self.browser.driver.find_element(By.ID, element).click()

    def points(self) -> int:
        """How many generations the curve of the first thread has."""
        path = self.browser.run(
            "return document.querySelector('.curve path.line.evolved')?.getAttribute('d') || ''"
        )
        return str(path).count("L") + str(path).count("M")

    def ask(self, path: str, body: dict[str, Any], **headers: str) -> int:
        """Send what a program sends that is no page; return the status of the answer."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            json.dumps(body).encode(),
            {"Content-Type": "application/json", **headers},
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as reply:  # noqa: S310
                return int(reply.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    def picture(self, name: str, colours: str = "light") -> None:
        """Keep a picture for the documentation, where they are wanted."""
        if PICTURES:
            self.browser.run("window.scrollTo(0, 0)")
            wait_for(lambda: all_images_shown(self.browser), "all images")
            self.browser.prefers(colours)
            png = self.browser.screenshot(1400)
            self.browser.prefers("light")
            image = PIL.Image.open(io.BytesIO(png)).convert("RGB").quantize(128)
            image.save(Path(PICTURES) / f"dashboard_{name}.png", optimize=True)


@contextmanager
def dashboard(lab: Lab, browser: Browser, *arguments: str) -> Iterator[Dashboard]:
    """Open the page of a new dashboard, which has to end well when it is interrupted."""
    with subprocess.Popen(
        [NEUROLOOP, "dashboard", "--json", "--port", "0", *arguments],
        cwd=lab.folder,
        env=lab.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            told = json.loads(process.stdout.readline())
            shown = Dashboard(process, told["address"], told["token"], told["port"], browser)
            browser.visit(shown.address)
            yield shown
            browser.driver.get("about:blank")
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=PATIENCE_S)
            assert (process.returncode, said) == (0, "")
        finally:
            if process.poll() is None:
                process.kill()


def test_a_page_shows_a_session_and_commands_it_through_all_that_may_come(
    lab: Lab, browser: Browser
) -> None:
    with dashboard(lab, browser) as page:
        page.wait_for_kind("none")
        assert "NO SESSION RUNNING" in page.text("state")
        assert page.token not in browser.driver.current_url

        subject = () if PICTURES else (f'subject.id="{NAME}"',)
        run = lab.start(*ONE_PROCESS, ENDLESS, *subject)
        page.wait_for_kind("running")
        lab.wait_for_block(ENOUGH)
        wait_for(lambda: page.points() >= ENOUGH, "the curve")
        before = page.points()
        wait_for(lambda: page.points() > before, "the curve to grow")
        wait_for(lambda: images_shown(browser) > 10, "the images")
        assert browser.run("return document.querySelectorAll('.psth path.line').length") == 2
        page.picture("light")
        page.picture("dark", "dark")
        is_dark(browser)

        commands_need_the_token(page, lab)
        if not PICTURES:
            add_a_note(page)
        if PICTURES:
            lab.command(AddNote(text="animal drowsy, reward up to 120 ms"))
        page.click("pause")
        lab.wait_for_state("paused")
        page.wait_for_kind("paused")
        wait_for(lambda: "paused" in page.text("remarks"), "the event")
        assert "The operator asked for it." in page.text("what")
        page.picture("paused")
        browser.driver.find_element(By.TAG_NAME, "body").send_keys("p")
        page.wait_for_kind("running")

        a_page_that_hears_nothing_shows_nothing_as_new(page, lab)
        a_killed_daemon_is_told_and_the_page_goes_on(page, lab, run)

        page.click("stop")
        browser.driver.switch_to.active_element.send_keys(Keys.ESCAPE)
        assert lab.status().state == "running"
        page.click("stop")
        browser.driver.find_element(By.CSS_SELECTOR, "#stopping button[value=stop]").click()
        page.wait_for_kind("finished")
        assert "Stopped by the operator." in page.text("what")
        assert browser.complaints() == []
        own = (f"http://127.0.0.1:{page.port}/", f"blob:http://127.0.0.1:{page.port}/")
        asked = [url for url in browser.requests() if not url.startswith(("about:", *own))]
        assert asked == []
    assert PICTURES or NASTY in lab.the_log().events.text


def images_shown(browser: Browser) -> int:
    script = "return [...document.querySelectorAll('.tile img')].filter(i => i.naturalWidth).length"
    return int(browser.run(script))


def all_images_shown(browser: Browser) -> bool:
    script = "return [...document.querySelectorAll('.tile img')].every(i => i.naturalWidth)"
    return bool(browser.run(script))


def is_dark(browser: Browser) -> None:
    """Assert that nothing of the page is bright where the user prefers dark."""
    browser.prefers("dark")
    taken = PIL.Image.open(io.BytesIO(browser.screenshot())).convert("L")
    browser.prefers("light")
    darkness = taken.histogram()
    assert sum(darkness[:60]) > 0.85 * sum(darkness)
    assert sum(darkness[230:]) == 0


def commands_need_the_token(page: Dashboard, lab: Lab) -> None:
    """Assert that a command without the token, or from another page, changes nothing."""
    session_id = lab.status().session_id
    wish = {"command": "abort", "session_id": session_id}
    given = {"X-Neuroloop-Token": page.token}
    assert page.ask("/api/commands", wish) == 401
    assert page.ask("/api/commands", wish, **{"X-Neuroloop-Token": "wrong"}) == 401
    assert page.ask("/api/commands", wish, Origin="http://rig.example", **given) == 403
    assert page.ask("/api/commands", wish, Host="rig.example", **given) == 403
    assert page.ask("/api/commands", {**wish, "session_id": "another"}, **given) == 409
    assert lab.status().state == "running"


def add_a_note(page: Dashboard) -> None:
    """Add a note with HTML in it, which arrives as text, in the log and on the page."""
    note = page.browser.driver.find_element(By.ID, "note")
    note.send_keys(NASTY + Keys.ENTER)
    wait_for(lambda: NASTY in page.text("remarks"), "the note")
    assert f"subject {NAME}" in page.text("who")
    assert not page.browser.run("return document.querySelectorAll('#remarks img, #who img').length")
    assert "pwned" not in page.browser.driver.title


def a_page_that_hears_nothing_shows_nothing_as_new(page: Dashboard, lab: Lab) -> None:
    """Stop the dashboard: the session does not notice, and the page says that it is cut off."""
    page.process.send_signal(signal.SIGSTOP)
    lab.wait_for_block(lab.status().block + 2)
    page.wait_for_kind("lost")
    assert "CONNECTION LOST" in page.text("state")
    assert page.browser.run("return document.querySelector('main').classList.contains('stale')")
    assert not page.browser.driver.find_element(By.ID, "pause").is_enabled()
    page.process.send_signal(signal.SIGCONT)
    page.wait_for_kind("running")
    assert not page.browser.run("return document.querySelector('main').classList.contains('stale')")


def a_killed_daemon_is_told_and_the_page_goes_on(
    page: Dashboard, lab: Lab, run: subprocess.Popen[str]
) -> None:
    """Kill the daemon: the page says so, and goes on when the session does."""
    folder = lab.status().folder
    os.kill(lab.daemon_pid(), signal.SIGKILL)
    page.wait_for_kind("cut_off")
    assert f"neuroloop resume {folder}" in page.text("todo")
    run.communicate(timeout=PATIENCE_S)
    before = page.points()
    lab.started.remove(run)
    lab.go_on(Path(folder))
    page.wait_for_kind("running")
    wait_for(lambda: page.points() > before, "the curve to go on")


def test_a_fault_of_the_rig_adapter_is_shown_with_whose_it_is(lab: Lab, browser: Browser) -> None:
    place = f"{ENOUGH}:0:20"
    lab.hold_at(place)
    more = () if PICTURES else ("behaviour.kind=always",)
    run = lab.start(*VIRTUAL, ENDLESS, "supervision.max_restarts=0", *more)
    lab.wait_until_held(place)
    with dashboard(lab, browser, "--session", lab.status().session_id) as page:
        page.wait_for_kind("running")
        wait_for(lambda: "heard" in page.text("health"), "signs of life")
        os.kill(lab.children()["rig_adapters.sim"], signal.SIGKILL)
        page.wait_for_kind("held")
        assert "PAUSED BY A FAULT" in page.text("state")
        assert "The rig adapter was killed by SIGKILL" in page.text("what")
        assert page.text("whose") == "Whose fault: the rig adapter"
        wait_for(lambda: page.points() == ENOUGH, "the curve")
        wait_for(lambda: "LOST" in page.text("health"), "the adapter to be lost")
        wait_for(lambda: "interruption" in page.text("remarks"), "the event")
        page.picture("faulted")
        page.click("stop")
        browser.driver.find_element(By.CSS_SELECTOR, "#stopping button[value=abort]").click()
        page.wait_for_kind("aborted")
    run.communicate(timeout=PATIENCE_S)


def test_a_finished_log_is_shown_as_finished(
    lab: Lab, browser: Browser, finished: LogReader
) -> None:
    with dashboard(lab, browser, str(finished.path)) as page:
        page.wait_for_kind("finished")
        wait_for(lambda: page.points() == 3, "the curve")
        assert not page.browser.driver.find_element(By.ID, "note").is_enabled()
        assert browser.driver.title == "finished – neuroloop"
        completed = int((finished.presentations.outcome == "completed").sum())
        assert f"{completed} of" in page.text("health")


def test_without_the_token_a_page_shows_nothing_and_asks_for_it(lab: Lab, browser: Browser) -> None:
    with dashboard(lab, browser) as page:
        browser.visit(f"http://127.0.0.1:{page.port}/#token=wrong")
        page.wait_for_kind("refused")
        browser.driver.find_element(By.ID, "token").send_keys(page.token + Keys.ENTER)
        page.wait_for_kind("none")


def test_a_port_that_is_taken_and_a_log_that_is_not_there_are_told(lab: Lab) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = lab.neuroloop("dashboard", "--port", str(port))
    assert done.returncode == 2
    assert f"port {port} cannot be used (Address already in use)" in done.stderr
    assert f"process {os.getpid()}" in done.stderr
    done = lab.neuroloop("dashboard", "nothing-here")
    assert done.returncode == 2
    assert "There is no session log at nothing-here" in done.stderr
