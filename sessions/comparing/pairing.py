"""Which evolution is held against which.

Within a session, threads on the same driver units are a pair. Evolutions that have no partner in
their session are paired between sessions: same subject and same driver units by id, channel and
label, the first of one condition with the first of the other by time, and so on. What could make a
difference besides is refused, in a sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sessions.comparing.conditions import Arm, By
from sessions.errors import NotComparable


@dataclass(frozen=True, eq=False)
class Pair:
    """One evolution under each condition; `interleaved` when both were in one session."""

    first: Arm
    second: Arm

    @property
    def interleaved(self) -> bool:
        """Whether images of both were shown in the same blocks."""
        return self.first.log is self.second.log

    @property
    def name(self) -> str:
        """The session or sessions."""
        a, b = self.first.session_id, self.second.session_id
        return a if self.interleaved else f"{a} | {b}"

    @property
    def order(self) -> tuple[tuple[str, str, int], ...]:
        """By which pairs are put in order, whichever condition is the first."""
        return tuple(sorted((self.first.order, self.second.order)))


def pair_up(first: str, second: str, arms: Sequence[Arm], by: By) -> tuple[Pair, ...]:
    """Pair evolutions of two conditions, in the order of time.

    Raises:
        NotComparable: one has no partner, or several, or what differs is more than the condition.

    """
    for arm in arms:
        if arm.log.start.control != "none":
            raise NotComparable(
                f"Session {arm.session_id} is a {arm.log.start.control} control: its optimizers "
                "were told scores of other images, so they cannot be compared. Leave it out."
            )
    within = _grouped(arms, lambda arm: (arm.session_id, arm.units))
    pairs, alone = [], []
    for group in within:
        sides = [[arm for arm in group if arm.condition == name] for name in (first, second)]
        if all(sides):
            pairs.append(_only_pair(sides[0], sides[1], by))
        else:
            alone += group
    pairs += _between(first, second, alone, by)
    for pair in pairs:
        _refuse_other_aspects(pair, by)
    return tuple(sorted(pairs, key=lambda pair: pair.order))


def _only_pair(ours: list[Arm], theirs: list[Arm], by: By) -> Pair:
    for side in (ours, theirs):
        if len(side) > 1:
            raise NotComparable(
                f"Session {side[0].session_id} has {len(side)} threads of {by} "
                f"{side[0].condition} on unit {side[0].site}; compare them by --by thread."
            )
    return Pair(ours[0], theirs[0])


def _between(first: str, second: str, alone: list[Arm], by: By) -> list[Pair]:
    pairs = []
    for group in _grouped(alone, lambda arm: (arm.log.start.subject_id, arm.units)):
        sides = [[arm for arm in group if arm.condition == name] for name in (first, second)]
        if len(sides[0]) != len(sides[1]):
            raise NotComparable(_unequal(group[0], first, second, sides, by))
        pairs += [Pair(a, b) for a, b in zip(*sides, strict=True)]
    for pair in pairs:
        _refuse_other_sessions(pair)
    return pairs


def _unequal(arm: Arm, first: str, second: str, sides: list[list[Arm]], by: By) -> str:
    named = ", ".join(sorted(each.session_id for side in sides for each in side))
    return (
        f"On unit {arm.site} of subject {arm.log.start.subject_id} there are {len(sides[0])} "
        f"evolution(s) with {by} {first} and {len(sides[1])} with {second} that have no partner "
        f"in their session ({named}). Another unit or subject is no partner: add or leave out logs "
        "until the numbers are equal."
    )


def _refuse_other_aspects(pair: Pair, by: By) -> None:
    a, b = pair.first, pair.second
    if a.thread.direction != b.thread.direction:
        raise NotComparable(f"{pair.name}: one thread maximises and the other minimises.")
    if a.other_aspects(by) != b.other_aspects(by):
        other = "generator" if by == "optimizer" else "optimizer"
        raise NotComparable(
            f"{pair.name}: besides the {by}, the {other}, place or size differs between "
            f"{a.condition} and {b.condition}, so no difference could be told from that. Leave "
            "it out, or compare by --by thread if all of it is meant."
        )


def _refuse_other_sessions(pair: Pair) -> None:
    a, b = pair.first.log.start, pair.second.log.start
    same = {
        "response window": (a.response_window_s, b.response_window_s),
        "baseline mode": (a.baseline_mode, b.baseline_mode),
        "baseline window": (a.baseline_window_s, b.baseline_window_s),
        "set of reference images": (set(a.references.sha256s), set(b.references.sha256s)),
        "kind of rig (simulated or not)": (a.rig_simulated, b.rig_simulated),
    }
    differing = [name for name, (ours, theirs) in same.items() if ours != theirs]
    if differing:
        raise NotComparable(
            f"{pair.name}: these two sessions have another {' and another '.join(differing)}, so "
            "their scores cannot be compared. Leave them out, or pair each with one like it."
        )


def _grouped(arms: Sequence[Arm], key: Callable[[Arm], object]) -> list[list[Arm]]:
    groups: dict[object, list[Arm]] = {}
    for arm in arms:
        groups.setdefault(key(arm), []).append(arm)
    return list(groups.values())
