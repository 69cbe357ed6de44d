"""Judges what the rig adapter says that it is, and what came of a rehearsal with it. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from controller.config.tables import SessionConfig
from controller.drivers import lacking
from controller.preflight.findings import Finding
from controller.presenting import Shown
from rig_adapters.clocks import ClockMap
from rig_adapters.wire.messages import RigConfigured


def unit_findings(config: SessionConfig, rig: RigConfigured) -> Iterator[Finding]:
    """Judge whether the rig has the driver units of every thread."""
    complete = True
    for index, thread in enumerate(config.threads):
        missing = lacking(thread, rig.units)
        if missing:
            complete = False
            key = "driver_units" if thread.driver_units is not None else "driver_channels"
            told = f"threads.{index}.{key}: the rig has no {missing}"
            yield Finding("driver units", "refuse", told)
    if complete:
        yield Finding("driver units", "pass", f"{rig.adapter} has all of them")


def clock_finding(clock: ClockMap | None) -> Finding:
    """Judge how well the rig's clock is known against the host's."""
    if clock is None:
        return Finding(
            "rig clock",
            "refuse",
            "the rig told no time of its own",
            "look whether the recording runs, and at rig.log",
        )
    source = f"{clock.n_pairs} onsets" if clock.n_pairs > 1 else "one reading"
    # Where the readings are: from there to host time 0 a small drift comes to seconds.
    ahead_s = float(clock.to_rig(clock.center_host_s)) - clock.center_host_s
    found = (
        f"{ahead_s:+.6f} s from the host's, known to {1e3 * clock.residual_s:.3f} ms by {source}"
    )
    return Finding("rig clock", "pass", found)


def rehearsal_findings(
    shown: Sequence[Shown],
    clock: ClockMap | None,
    spikes: Mapping[int, int],
    *,
    has_sync: bool,
    simulated: bool,
) -> Iterator[Finding]:
    """Judge what came of the presentations of a rehearsal.

    spikes: how many were recorded of each driver unit.
    """
    n = len(shown)
    late = sum(row.outcome == "late" for row in shown)
    dropped = sum(row.report.dropped_frames for row in shown if row.report is not None)
    yield Finding(
        "frames",
        "pass" if not late else "warn" if simulated else "refuse",
        f"{n - late} of {n} presentations were on time, {dropped} frames dropped",
        "" if not late else "close other programs, and look at the findings on the screen",
    )
    unheard = sum(not row.heard for row in shown)
    yield Finding(
        "recording",
        "pass" if not unheard else "refuse",
        f"{n - unheard} of {n} windows were recorded without a gap",
        "" if not unheard else "look whether the recording runs, and at what the adapter says",
    )
    yield _sync(shown, has_sync)
    yield clock_finding(clock)
    silent = sorted(unit_id for unit_id, count in spikes.items() if not count)
    told = ", ".join(f"{count} of unit {unit_id}" for unit_id, count in sorted(spikes.items()))
    yield Finding(
        "spikes",
        "warn" if silent else "pass",
        told,
        "" if not silent else f"unit {silent[0]} was silent: look at its channel and sorting",
    )


def _sync(shown: Sequence[Shown], has_sync: bool) -> Finding:
    n = len(shown)
    seen = sum(row.sync not in ("clock", "none") for row in shown)
    found = f"{seen} of {n} onsets were seen by the rig"
    if seen == n:
        return Finding("sync", "pass", found)
    if not has_sync:
        return Finding(
            "sync",
            "warn",
            "the rig sees no onsets",
            "connect a photodiode or a TTL line, or onsets are only as good as the clock map",
        )
    return Finding(
        "sync",
        "warn",
        found,
        "look at the photodiode, its place and threshold, or at the TTL line",
    )
