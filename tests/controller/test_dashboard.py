"""The dashboard without a browser: who is refused, what is said, and what a page is sent."""

import asyncio
import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.types import ASGIApp

from controller.dashboard.app import make_app, static_files
from controller.dashboard.condition import UNKNOWN, of_end, of_status, whose_fault
from controller.dashboard.events import IMAGES_EVERY_S, Deltas
from controller.dashboard.hub import Hub
from controller.dashboard.log_view import LogFollower
from controller.dashboard.sections import curve_rows, number, sections
from controller.dashboard.security import POLICY, is_this_machine
from controller.dashboard.state import Observer, Snapshot
from controller.dashboard.thumbnails import Thumbnails
from controller.states import State
from sessions.psths import block_psths
from sessions.reader import open_log
from sessions.records import SessionEnd
from sessions.report import summary
from sessions.testing.synthetic import SyntheticSession, write_synthetic_log

from .conftest import Clock
from .test_progress import STATUS

TOKEN = "a-token-that-nobody-guesses"  # noqa: S105  # it guards nothing
WITH_TOKEN = {"x-neuroloop-token": TOKEN}
JSON = {**WITH_TOKEN, "content-type": "application/json"}


@pytest.fixture(scope="session")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a log of five generations of two threads."""
    return write_synthetic_log(tmp_path_factory.mktemp("shown"), SyntheticSession(generations=5))


@pytest.fixture(scope="session")
def whole(log: Path) -> Snapshot:
    """Return all that is shown of that log."""
    return Observer(log=log).look()


@pytest.fixture(scope="session")
def app(log: Path, whole: Snapshot) -> ASGIApp:
    """Return a dashboard of that log."""
    thumbnails = Thumbnails()
    assert whole.log is not None
    thumbnails.offer(whole.log)
    return make_app(Hub(Observer(log=log), thumbnails), thumbnails, TOKEN)


def request(
    app: ASGIApp, path: str, headers: dict[str, str], body: bytes | None = None
) -> tuple[int, dict[str, str], bytes]:
    """Ask the application; return status, headers and body. A body makes it a POST."""
    told: list[Any] = []
    fields = [(k.encode(), v.encode()) for k, v in {"host": "127.0.0.1:8737", **headers}.items()]
    scope = {
        "type": "http",
        "method": "GET" if body is None else "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": fields,
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body or b"", "more_body": False}

    async def send(message: Any) -> None:
        told.append(message)

    asyncio.run(app(scope, receive, send))
    answered = {k.decode(): v.decode() for k, v in told[0]["headers"]}
    return told[0]["status"], answered, b"".join(m.get("body", b"") for m in told[1:])


API = ("/api/events", "/api/thumbnails/" + 64 * "0", "/api/commands", "/api/nothing")


@pytest.mark.parametrize("path", API)
@pytest.mark.parametrize("token", [None, "", "wrong", TOKEN[:-1], TOKEN + " ", "ä"])
def test_without_the_token_nothing_of_a_session_is_told(
    app: ASGIApp, path: str, token: str | None
) -> None:
    headers = {} if token is None else {"x-neuroloop-token": token}
    status, _, body = request(app, path, headers, b"{}" if path == "/api/commands" else None)

    assert status == 401
    assert b"neuroloop dashboard printed" in body


@pytest.mark.parametrize(
    "host",
    [
        "rig.example",
        "rig.example:8737",
        "127.0.0.1.rig.example",
        "localhost.rig.example:8737",
        "127.0.0.1@rig.example",
        "rig.example@127.0.0.1",
        "127.0.0.2",
        "127.0.0.1:99999",
        "127.0.0.1/",
        "169.254.169.254",
        "",
    ],
)
def test_a_name_of_somebody_else_that_points_here_is_refused(app: ASGIApp, host: str) -> None:
    assert request(app, "/", {"host": host})[0] == 403
    assert request(app, "/api/commands", {**JSON, "host": host}, b"{}")[0] == 403


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:9000", "[::1]:8737", "127.0.0.1:1"])
def test_this_machine_is_known_by_each_of_its_names_and_any_port(app: ASGIApp, host: str) -> None:
    assert request(app, "/", {"host": host})[0] == 200


@given(st.text())
def test_no_other_text_is_a_name_of_this_machine(host: str) -> None:
    name = host.rpartition(":")[0] if ":" in host and host[-1:].isdigit() else host.rstrip(":")
    if is_this_machine([host]):
        assert name.lower() in ("127.0.0.1", "localhost", "[::1]")


def test_two_hosts_are_none() -> None:
    assert not is_this_machine(["127.0.0.1", "127.0.0.1"])
    assert not is_this_machine([])


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://rig.example"},
        {"origin": "null"},
        {"origin": "https://127.0.0.1:8737"},
        {"origin": "http://127.0.0.1:8738"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_what_another_page_causes_is_refused(app: ASGIApp, headers: dict[str, str]) -> None:
    body = b'{"command":"stop","session_id":"s"}'
    assert request(app, "/api/commands", {**JSON, **headers}, body)[0] == 403
    own = {"origin": "http://127.0.0.1:8737", "sec-fetch-site": "same-origin"}
    assert request(app, "/api/commands", {**JSON, **own}, body)[0] == 409


@pytest.mark.parametrize(
    "path",
    [
        "/../app.py",
        "/static/index.html",
        "/..%2fapp.py",
        "//etc/passwd",
        "/index.html/../../security.py",
        "/api/thumbnails/../../../etc/passwd",
        "/api/thumbnails/" + 63 * "0" + "/",
        "/api/thumbnails/" + 64 * "0",
        "/api/thumbnails/session.h5",
    ],
)
def test_no_path_leads_to_a_file_that_is_not_of_the_page(app: ASGIApp, path: str) -> None:
    assert request(app, path, WITH_TOKEN)[0] == 404


def test_every_answer_forbids_what_is_inline_or_from_elsewhere(app: ASGIApp) -> None:
    for path in (*static_files(), *API, "/nothing"):
        body = b"{}" if path == "/api/commands" else None
        headers = {} if path == "/api/events" else WITH_TOKEN
        assert request(app, path, headers, body)[1]["content-security-policy"] == POLICY
    assert "unsafe" not in POLICY
    assert "*" not in POLICY


class _Inline(HTMLParser):
    """Collects what the policy would forbid."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag == "style" or (tag == "script" and "src" not in named):
            self.found.append(tag)
        self.found += [name for name in named if name == "style" or name.startswith("on")]
        self.found += [value for value in named.values() if value and "//" in value]


def test_the_page_has_nothing_inline_and_nothing_from_elsewhere() -> None:
    body, _ = static_files()["/"]
    page = _Inline()
    page.feed(body.decode())

    assert page.found == []
    for path, (text, _) in static_files().items():
        for word in (b"innerHTML", b"insertAdjacent", b"document.write", b"eval("):
            assert word not in text, path


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[" * 5000, 400),
        (b'{"command":"stop"}', 400),
        (b'{"command":"rm","session_id":"s"}', 400),
        (b'{"command":"stop","session_id":"s","text":"x"}', 400),
        (b'{"command":"note","session_id":"s"}', 400),
        (b'{"command":"note","session_id":"s","text":""}', 400),
        (b'{"command":"stop","session_id":"s","more":1}', 400),
        (b'{"command":"note","session_id":"s","text":"%b"}' % (b"x" * 70_000), 413),
        (b'{"command":"stop","session_id":"s"}', 409),
    ],
)
def test_what_is_no_command_is_refused(app: ASGIApp, body: bytes, status: int) -> None:
    found, _, told = request(app, "/api/commands", JSON, body)

    assert found == status
    assert json.loads(told)["error"]
    assert request(app, "/api/commands", WITH_TOKEN, body)[0] == 415


def test_a_picture_is_told_by_its_hash_and_may_be_kept_for_ever(app: ASGIApp, log: Path) -> None:
    reader = open_log(log)
    image_id = int(reader.scores.image_id[reader.scores.block == 4][0])
    sha256 = str(reader.images.sha256[reader.images.image_id == image_id][0])
    status, headers, body = request(app, f"/api/thumbnails/{sha256}", WITH_TOKEN)

    assert (status, headers["content-type"]) == (200, "image/jpeg")
    assert "immutable" in headers["cache-control"]
    assert body.startswith(b"\xff\xd8")


@pytest.mark.parametrize("state", list(State))
def test_every_state_has_a_condition_with_a_title(state: State) -> None:
    found = of_status(STATUS.model_copy(update={"state": state.value}))

    assert found.title
    assert found.live


def test_a_pause_says_why_and_a_fault_says_whose() -> None:
    asked = of_status(STATUS.model_copy(update={"state": "paused", "message": ""}))
    assert (asked.kind, asked.what, asked.whose) == ("paused", "The operator asked for it.", "")
    why = "the rig adapter was killed by SIGKILL; neuroloop resume tries again"
    held = of_status(STATUS.model_copy(update={"state": "paused", "message": why}))
    assert (held.kind, held.whose) == ("held", "the rig adapter")
    assert "Resume" in held.todo


def test_the_end_of_a_session_is_told_from_its_log() -> None:
    def end(status: Any, reason: str) -> SessionEnd:
        return SessionEnd("2026-01-01T00:00:00+00:00", status, reason)

    assert of_end("s", end("success", "complete"), "/f").kind == "finished"
    assert of_end("s", end("abort", "aborted by the operator"), "/f").kind == "aborted"
    fault = of_end("s", end("fail", "the stimulus process showed other pixels"), "/f")
    assert (fault.kind, fault.whose) == ("faulted", "the stimulus process")
    assert "neuroloop resume /f" in fault.todo
    cut = of_end("s", None, "/f")
    assert (cut.kind, cut.whose) == ("cut_off", UNKNOWN)
    assert of_end("s", None, "/f", has_log=False).title == "did not start"


def test_who_is_named_first_is_at_fault() -> None:
    text = "the session could not be written to /x, says the rig adapter"
    assert whose_fault(text) == "the disk that the session is written to"
    assert whose_fault("nothing of the kind") == ""


def test_curves_responses_and_images_are_those_of_the_log(log: Path) -> None:
    view = LogFollower(log).look()
    assert view is not None
    reader = open_log(log)
    expected = {found.thread.thread_id: found for found in block_psths(reader)}
    scores, rows = reader.scores, reader.generations
    for thread in view.threads:
        thread_id = thread.info.thread_id
        mine = rows.thread_id == thread_id
        np.testing.assert_array_equal([row.mean for row in thread.curve], rows.score_mean[mine])
        np.testing.assert_array_equal(
            [row.reference_mean for row in thread.curve], rows.reference_mean[mine]
        )
        assert thread.response is not None
        for ours, whole in (
            (thread.response.generated, expected[thread_id].generated),
            (thread.response.references, expected[thread_id].references),
        ):
            np.testing.assert_array_equal(ours.rate_hz, whole.rate_hz)
            np.testing.assert_array_equal(ours.sem_hz, whole.sem_hz)
        last = (scores.block == 4) & (scores.thread_id == thread_id)
        told = dict(zip(scores.image_id[last].tolist(), scores.score[last].tolist(), strict=True))
        assert {image.image_id for image in thread.images} == set(told)
        shown = [told[image.image_id] for image in thread.images]
        known = [score for score in shown if np.isfinite(score)]
        assert known == sorted(known, reverse=True)
        assert shown[: len(known)] == known


def test_the_gap_between_blocks_and_the_totals_are_those_of_the_log(log: Path) -> None:
    view = LogFollower(log).look(whole=True)
    assert view is not None
    assert view.last is not None
    assert view.totals is not None
    shown = open_log(log).presentations
    here, before = shown.block == 4, shown.block == 3
    gap_s = np.nanmin(shown.flip_on_host_s[here]) - np.nanmax(shown.flip_off_host_s[before])
    assert view.last.gap_s == pytest.approx(gap_s)
    assert view.last.dropped_frames == shown.dropped_frames[here].sum()
    assert sum(view.totals.outcomes.values()) == len(shown.outcome)
    assert view.totals.elapsed_s == summary(open_log(log)).duration_s


def test_the_pace_of_a_log_counts_each_block_once(log: Path, whole: Snapshot) -> None:
    assert whole.log is not None
    assert whole.log.totals is not None
    rows, shown = open_log(log).generations, open_log(log).presentations
    blocks_s = {
        block: ended_s - started_s
        for block, started_s, ended_s in zip(
            rows.block, rows.started_host_s, rows.ended_host_s, strict=True
        )
    }
    completed = int((shown.outcome == "completed").sum())
    pace = completed / sum(blocks_s.values())
    assert whole.log.totals.images_per_s == pytest.approx(pace)
    told = sections(whole)["progress"]
    assert told["images_per_s"] == number(pace)
    assert told["elapsed_s"] == round(whole.log.totals.elapsed_s)


def test_a_log_that_has_not_changed_is_not_read_again(log: Path, tmp_path: Path) -> None:
    now = Clock()
    copy = tmp_path / "session.h5"
    copy.write_bytes(log.read_bytes())
    follower = LogFollower(copy, now)
    first = follower.look()
    now.now_s += 100.0
    assert follower.look() is first
    copy.write_bytes(log.read_bytes())
    second = follower.look()
    assert second is not first
    copy.write_bytes(log.read_bytes())
    now.now_s += 0.5
    assert follower.look() is second


class Page:
    """What a page makes of the events that it is sent."""

    def __init__(self) -> None:
        self.sections: dict[str, Any] = {}
        self.curves: dict[int, list[Any]] = {}
        self.events: list[str] = []

    def take(self, stream: bytes) -> None:
        for text in stream.decode().split("\n\n")[:-1]:
            first, second = text.split("\n")
            name, data = first.removeprefix("event: "), json.loads(second.removeprefix("data: "))
            self.events.append(name)
            if name == "reset":
                self.sections, self.curves = {}, {}
            elif name == "curve":
                former = self.curves.get(data["thread_id"], [])
                self.curves[data["thread_id"]] = former[: data["from"]] + data["rows"]
            else:
                self.sections[name] = data


@given(st.lists(st.integers(0, 5), min_size=1, max_size=8))
@settings(max_examples=30)
def test_a_page_has_the_whole_curve_whatever_grew_and_was_cut_back(
    whole: Snapshot, counts: list[int]
) -> None:
    assert whole.log is not None
    page, deltas = Page(), Deltas()
    for count in counts:
        threads = tuple(replace(t, curve=t.curve[:count]) for t in whole.log.threads)
        snapshot = replace(whole, log=replace(whole.log, threads=threads))
        page.take(b"".join(deltas.of(snapshot)))
        expected = curve_rows(snapshot)
        assert {thread_id: page.curves.get(thread_id, []) for thread_id in expected} == expected
    assert page.events.count("reset") == 1


def test_what_has_not_changed_is_not_sent_again_and_images_wait(whole: Snapshot) -> None:
    now = Clock()
    assert whole.log is not None
    deltas, page = Deltas(now), Page()
    page.take(b"".join(deltas.of(whole)))
    assert set(sections(whole)) <= set(page.events)
    del page.events[:]
    page.take(b"".join(deltas.of(whole)))
    assert page.events == ["beat"]

    threads = tuple(replace(t, images=t.images[::-1]) for t in whole.log.threads)
    changed = replace(whole, log=replace(whole.log, threads=threads))
    page.take(b"".join(deltas.of(changed)))
    assert "images" not in page.events
    now.now_s += IMAGES_EVERY_S
    page.take(b"".join(deltas.of(changed)))
    assert page.events[-2:] == ["images", "beat"]
    assert page.sections["images"] == sections(changed)["images"]


def test_another_session_begins_anew(whole: Snapshot) -> None:
    deltas, page = Deltas(), Page()
    page.take(b"".join(deltas.of(whole)))
    page.take(b"".join(deltas.of(replace(whole, key="another"))))

    assert page.events.count("reset") == 2
    assert page.curves == curve_rows(whole)
