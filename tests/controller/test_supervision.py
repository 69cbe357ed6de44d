"""How often a lost process is started anew, when the operator is waited for, and what is said."""

from collections.abc import Callable, Collection
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from controller.config.tables import SupervisionTable
from controller.daemon import supervision
from controller.daemon.rig_processes import RigProcesses
from controller.daemon.supervision import RestartBudget, Supervisor
from controller.errors import NothingHeard, OnsetsUnclear, SessionRefused, SessionStopped
from controller.logbook import Logbook
from controller.progress import Progress
from controller.running import Rendered, Session
from controller.showing import show
from controller.states import Event, State, next_state
from controller.stopwatch import Stopwatch
from rig_adapters.errors import PeerLost, RigError
from sessions.analysis.responses import ScoringRule

from .conftest import PIXELS, PLACE, UNIT_ID, Batches, Stage, run_clean, session_config

LOST = PeerLost("the rig adapter was killed by SIGKILL")


def test_restarts_are_counted_within_a_window_that_moves_on() -> None:
    now_s = [0.0]
    budget = RestartBudget(
        SupervisionTable(max_restarts=2, restart_window_min=1.0), lambda: now_s[0]
    )

    taken = []
    for now_s[0] in (0.0, 30.0, 59.0, 60.0, 61.0, 90.0):
        taken.append(budget.take())

    assert taken == [True, True, False, True, False, True]
    budget.renew()
    assert budget.take()


@pytest.mark.parametrize(
    ("n", "why"),
    [
        (0, "supervision.max_restarts is 0, so nothing is done by itself"),
        (1, "after 1 restart within 2.5 minutes nothing more is done by itself"),
        (3, "after 3 restarts within 2.5 minutes nothing more is done by itself"),
    ],
)
def test_why_no_restart_is_left_is_said(n: int, why: str) -> None:
    budget = RestartBudget(SupervisionTable(max_restarts=n, restart_window_min=2.5))
    for _ in range(n):
        assert budget.take()
    assert not budget.take()
    assert budget.why_none() == why


class Watched:
    """A daemon and its processes as the supervisor sees them; `attempts` says what each meets."""

    def __init__(self, attempts: list[Exception | None], *, block_open: bool = True) -> None:
        self.state = State.RUNNING
        self.lost: dict[str, RigError] = {"rig": LOST}
        self.replaced: list[set[str]] = []
        self.recorders: list[object] = []
        self.notes: list[str] = []
        self.rests: list[str] = []
        self.states: list[State] = []
        self.operator: Callable[[], Event] = lambda: Event.RETRY
        self.session = cast(Session, a_session())
        self._attempts = attempts
        self.block_open = block_open

    async def apply(self, event: Event, _why: str = "") -> None:
        self.state = next_state(self.state, event)
        self.states.append(self.state)

    async def note(self, kind: str, text: str) -> None:
        self.notes.append(f"{kind}: {text}")

    async def while_paused(self) -> None:
        if self.state is State.PAUSED:
            await self.apply(self.operator())

    async def replace(self, names: Collection[str], _folder: Path) -> None:
        self.replaced.append(set(names))

    async def quiesce(self) -> str:
        self.rests.append("at rest")
        return "the log"

    async def opened(self, log: str) -> None:
        self.rests.append(f"{log} is open")

    async def rebuild(self, _cut_off: object, recorder: object) -> Session:
        self.recorders.append(recorder)
        outcome = self._attempts.pop(0)
        if outcome is not None:
            raise outcome
        return cast(Session, a_session())


def a_session() -> SimpleNamespace:
    async def go_blank() -> None:
        return

    return SimpleNamespace(
        block=3,
        going_on=None,
        recorder="the recorder",
        screen=SimpleNamespace(go_blank=go_blank),
        presenter=SimpleNamespace(outcomes={}),
        progress=Progress(presentations_done=12, presentations_planned=50),
    )


@pytest.fixture(autouse=True)
def _no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "RETRY_AFTER_S", 0.0)


def bring_back(
    watched: Watched, cause: Exception, monkeypatch: pytest.MonkeyPatch, *overrides: str
) -> Session:
    cut_off = SimpleNamespace(interrupted=object() if watched.block_open else None)
    monkeypatch.setattr(supervision, "recover", lambda _folder: cut_off)
    supervisor = Supervisor(
        watched,
        session_config(*overrides),
        Path("/runs/demo-1"),
        cast(RigProcesses, watched),
        cast(Logbook, watched),
        cast(Any, watched.rebuild),
    )
    return run_clean(supervisor.bring_back(watched.session, cause))


REAL = ("session.time=real", "display.kind=psychopy")


def test_in_real_time_only_what_was_lost_is_started_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched([None])
    bring_back(watched, LOST, monkeypatch, *REAL)

    assert watched.replaced == [{"rig"}]
    assert watched.recorders == [None]
    assert watched.rests == ["at rest", "the log is open"]
    assert watched.states == [State.INTERRUPTED, State.RUNNING]
    assert watched.notes[0] == (
        "interruption: the rig adapter was killed by SIGKILL; block 3, after 12 of 50 presentations"
    )
    assert watched.notes[1].startswith("restart: the rig adapter is back after 0.")

    watched = Watched([None])
    watched.lost = {"display": LOST}
    bring_back(watched, LOST, monkeypatch, *REAL)
    assert watched.replaced == [{"display"}]
    assert watched.recorders == ["the recorder"]


def test_in_virtual_time_both_are_started_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched([None])
    bring_back(watched, LOST, monkeypatch)

    assert watched.replaced == [{"display", "rig"}]
    assert "the stimulus process and the rig adapter are back" in watched.notes[-1]


def test_a_restart_that_fails_counts_and_in_the_end_leaves_the_session_paused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    no_units = SessionRefused("the rig has other units than when the session began")
    watched = Watched([no_units, no_units, no_units, None])
    # Once it was started anew, nobody is lost; what was started is not proven yet all the same.
    bring_back(watched, LOST, monkeypatch, *REAL)

    assert watched.replaced == [{"rig"}] * 4
    assert watched.states == [
        State.INTERRUPTED,
        State.PAUSED,
        State.INTERRUPTED,
        State.RUNNING,
    ]
    (given_up,) = [note for note in watched.notes if "tries again" in note]
    assert given_up == (
        "interruption: the rig adapter could not be brought back: the rig has other units than "
        "when the session began; after 3 restarts within 10 minutes nothing more is done by "
        "itself; nothing is lost: neuroloop resume tries again, neuroloop stop ends the session"
    )


def test_a_rig_that_heard_nothing_is_started_anew_only_when_the_operator_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watched = Watched([None])
    watched.lost = {}
    bring_back(watched, NothingHeard(3), monkeypatch, *REAL)

    assert watched.replaced == [{"rig"}]
    assert watched.states == [
        State.INTERRUPTED,
        State.PAUSED,
        State.INTERRUPTED,
        State.RUNNING,
    ]
    assert "the rig heard nothing of block 3" in watched.notes[1]


@pytest.mark.parametrize("block_open", [True, False])
def test_a_session_can_be_stopped_instead(
    monkeypatch: pytest.MonkeyPatch, block_open: bool
) -> None:
    watched = Watched([], block_open=block_open)
    watched.operator = lambda: Event.STOP
    with pytest.raises(SessionStopped) as stopped:
        bring_back(watched, LOST, monkeypatch, "supervision.max_restarts=0")

    assert stopped.value.block_open is block_open
    assert str(stopped.value) == "stopped by the operator; the rig adapter was killed by SIGKILL"
    assert watched.replaced == []


def test_what_is_no_loss_is_no_reason_to_try_again(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched([ZeroDivisionError("a fault of this program")])
    with pytest.raises(ZeroDivisionError):
        bring_back(watched, LOST, monkeypatch)


async def shown_by(stage: Stage, *image_ids: int) -> None:
    """Show one block as the loop does, of two images where none are named."""
    ids = np.array(image_ids or [4, 5])
    await stage.screen.start_loading(ids, PIXELS[ids], placements=[])
    await stage.screen.loaded()
    thread = SimpleNamespace(thread_id=0, placement=PLACE)
    session = SimpleNamespace(
        config=stage.config,
        block=7,
        first_generation=0,
        threads=(thread,),
        start=SimpleNamespace(references=SimpleNamespace(image_ids=np.zeros(0, np.int64))),
        logbook=SimpleNamespace(fact=stage.facts.append, part_ended=stage.facts.append),
        presenter=stage.presenter,
        recorder=stage.recorder,
        spikes_from_rig_s=-np.inf,
        unit_ids=[UNIT_ID],
        rule=ScoringRule((0.05, 0.2), None, "none"),
        stopwatch=Stopwatch(),
    )
    images = SimpleNamespace(population=SimpleNamespace(ids=ids))
    await show(cast(Session, session), {0: cast(Rendered, images)}, ())


@pytest.mark.parametrize("silent_parts", [{0}, {1}])
def test_a_block_of_which_nothing_was_heard_is_not_shown_over_and_over(
    play: Callable[..., Any], silent_parts: set[int]
) -> None:
    def batches(part: int, batches: Batches) -> Batches:
        return [] if part in silent_parts else batches

    def dropped(part: int, planned: Any) -> int:
        return 4 if part == 0 and planned.image_id == 4 else 0

    async def scene(stage: Stage) -> int:
        if silent_parts == {0}:
            with pytest.raises(NothingHeard, match="the rig heard nothing of block 7"):
                await shown_by(stage)
        else:
            # What came before was heard, so it is shown as often as any.
            await shown_by(stage)
        return len(stage.blocks)

    n_parts = play(scene, "rig.response_deadline_s=0.01", batches=batches, dropped=dropped)
    assert n_parts == (1 if silent_parts == {0} else 3)


def test_a_block_whose_edges_could_be_anybodys_is_not_shown_over_and_over(
    play: Callable[..., Any],
) -> None:
    async def scene(stage: Stage) -> int:
        with pytest.raises(OnsetsUnclear, match=r"not clear which sync edge .* 150 ms apart"):
            await shown_by(stage, 1, 2, 3, 4, 5)
        return len(stage.blocks)

    assert play(scene, clock_uncertainty_s=0.15) == 1


def test_a_clock_that_stepped_is_not_taken_for_a_rig_that_hears_nothing(
    play: Callable[..., Any],
) -> None:
    def rig_s(host_s: float) -> float:
        # After the only trial of the first part, and before its end.
        return host_s + (1000.0 if host_s < 0.46 else 1500.0)

    async def scene(stage: Stage) -> int:
        await shown_by(stage)
        return len(stage.blocks)

    assert play(scene, rig_s=rig_s) == 2
