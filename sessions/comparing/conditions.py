"""Evolutions of logs, each under the name of the condition that is compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

from sessions.errors import NotComparable
from sessions.reader import LogReader
from sessions.records import ThreadInfo, UnitInfo

By = Literal["optimizer", "generator", "thread"]
BY: tuple[By, ...] = get_args(By)


@dataclass(frozen=True, eq=False)
class Arm:
    """One evolution thread of one log, and the condition that it stands for."""

    log: LogReader
    thread: ThreadInfo
    condition: str

    @property
    def session_id(self) -> str:
        """The session that it was in."""
        return self.log.start.session_id

    @cached_property
    def units(self) -> tuple[UnitInfo, ...]:
        """Its driver units, by id."""
        found = {unit.unit_id: unit for unit in self.log.units}
        return tuple(found[unit_id] for unit_id in sorted(self.thread.driver_unit_ids))

    @property
    def site(self) -> str:
        """Its driver units in words."""
        return ", ".join(f"{unit.unit_id} ({unit.label})" for unit in self.units)

    @property
    def order(self) -> tuple[str, str, int]:
        """By which evolutions are put in order, whatever the order of logs: time, then ids."""
        return self.log.start.started_at, self.session_id, self.thread.thread_id

    def other_aspects(self, by: By) -> tuple[object, ...]:
        """Return what has to be equal between two conditions beside the driver units."""
        here, made = self.thread, (self.thread.generator, self.thread.generator_sha256)
        place = (here.position_deg, here.size_deg)
        if by == "thread":
            return ()
        return (*place, *(made if by == "optimizer" else (here.optimizer,)))


def condition_of(thread: ThreadInfo, by: By) -> str:
    """Return the name of what is compared."""
    return {"optimizer": thread.optimizer, "generator": thread.generator, "thread": thread.name}[by]


def arms_of(
    logs: Sequence[LogReader], by: By, first: str | None, second: str | None
) -> tuple[str, str, tuple[Arm, ...]]:
    """Return the two conditions and all evolutions under either, in order.

    Raises:
        NotComparable: the logs have not two conditions, or more and none were chosen.

    """
    _refuse_twins(logs)
    every = [Arm(log, thread, condition_of(thread, by)) for log in logs for thread in log.threads]
    known = sorted({arm.condition for arm in every})
    for chosen in (first, second):
        if chosen is not None and chosen not in known:
            raise NotComparable(
                f"No thread of these logs has the {by} {chosen}; they have {', '.join(known)}."
            )
    if first is not None and first == second:
        raise NotComparable(f"Both sides are the {by} {first}; name two that differ.")
    if len(known) > 2 and (first is None or second is None):
        raise NotComparable(
            f"These logs have {len(known)} of {by}: {', '.join(known)}. Say which two are "
            "compared, with --first and --second."
        )
    if len(known) < 2:
        raise NotComparable(
            f"All threads of these logs have the same {by}, {', '.join(known)}, so there is "
            "nothing to compare; choose another --by, or add logs."
        )
    left = [name for name in known if name not in (first, second)]
    one = first if first is not None else left[0]
    other = second if second is not None else next(name for name in left if name != one)
    arms = sorted((a for a in every if a.condition in (one, other)), key=lambda arm: arm.order)
    return one, other, tuple(arms)


def _refuse_twins(logs: Sequence[LogReader]) -> None:
    seen: set[str] = set()
    for log in logs:
        if log.start.session_id in seen:
            raise NotComparable(
                f"Session {log.start.session_id} was given twice; it counts once, so leave one out."
            )
        seen.add(log.start.session_id)
