"""A snapshot as the sections that the page is made of: plain values that JSON can hold.

Rates are rounded to four digits, and what is not finite is None. Nothing is escaped here: the page
sets all of it as text.
"""

import math
from typing import Any

from controller.control.messages import SessionStatus
from controller.dashboard.log_view import CurveRow, LogView, ShownImage, ThreadView
from controller.dashboard.state import Snapshot
from sessions.analysis.responses import Psth
from sessions.psths import PSTH_BIN_S

DIGITS = 4
IMAGES_SHOWN = 60
"""Of each thread: the best ones."""


def sections(snapshot: Snapshot) -> dict[str, Any]:
    """Return everything but the curves, which grow, by the name of the section."""
    return {
        "session": _session(snapshot),
        "condition": vars(snapshot.condition) | {"folder": snapshot.folder},
        "progress": _progress(snapshot),
        "health": _health(snapshot),
        "threads": [_thread(thread) for thread in _threads(snapshot)],
        "psth": [_response(thread) for thread in _threads(snapshot)],
        "images": [_images(thread) for thread in _threads(snapshot)],
        "remarks": _remarks(snapshot.log),
    }


def curve_rows(snapshot: Snapshot) -> dict[int, list[list[float | None]]]:
    """Return the curve of each thread, a list for each generation.

    It holds generation, mean, standard error and best score of the images, mean and standard error
    of the references, and how many images have a score, of how many.
    """
    return {
        thread.info.thread_id: [_curve_row(row) for row in thread.curve]
        for thread in _threads(snapshot)
    }


def number(value: float | None) -> float | None:
    """Return a value with few digits; None where it is not finite."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{DIGITS}g}")


def _threads(snapshot: Snapshot) -> tuple[ThreadView, ...]:
    return snapshot.log.threads if snapshot.log is not None else ()


def _session(snapshot: Snapshot) -> dict[str, Any]:
    told: dict[str, Any] = {
        "key": snapshot.key,
        "session_id": snapshot.session_id,
        "folder": snapshot.folder,
        "others": list(snapshot.others),
    }
    if snapshot.log is not None:
        start = snapshot.log.start
        told |= {
            "subject_id": start.subject_id,
            "started_at": start.started_at,
            "rig": start.rig_adapter,
            "simulated": start.rig_simulated,
            "time": start.time,
            "display": start.display_label,
            "control": start.control,
        }
    return told


def _progress(snapshot: Snapshot) -> dict[str, Any]:
    """Return times and counts; of a session that has ended, those of its log."""
    status, log = snapshot.status, snapshot.log
    if status is not None:
        return {
            "generations": status.block,
            "max_generations": status.max_generations,
            "elapsed_s": round(status.elapsed_s),
            "eta_s": None if status.eta_s is None else round(status.eta_s),
            "images_per_s": number(status.images_per_s),
            "shown": status.presentations_done,
            "planned": status.presentations_planned,
            "waiting_for": status.part.waiting_for if status.part is not None else "",
            "trials_begun": status.trials_begun,
            "trials_completed": status.trials_completed,
            "reward_ml": number(status.reward_ml),
        }
    told: dict[str, Any] = {"generations": log.generations if log is not None else 0}
    if log is not None and log.totals is not None:
        told |= {
            "trials_begun": log.totals.trials_begun,
            "trials_completed": log.totals.trials_completed,
            "reward_ml": number(log.totals.reward_ml),
            "images_per_s": number(log.totals.images_per_s),
        }
        if math.isfinite(log.totals.elapsed_s):
            told["elapsed_s"] = round(log.totals.elapsed_s)
    return told


def _health(snapshot: Snapshot) -> dict[str, Any]:
    status, log = snapshot.status, snapshot.log
    totals = log.totals if log is not None else None
    told: dict[str, Any] = {
        "outcomes": dict(status.outcomes) if status else dict(totals.outcomes if totals else {}),
        "alarms": list(status.alarms) if status is not None else [],
        "peers": _peers(status),
        "advice": _advice(status),
    }
    if log is not None and log.last is not None:
        last = log.last
        told["last"] = {
            "block": last.block,
            "outcomes": dict(last.outcomes),
            "dropped_frames": last.dropped_frames,
            "gap_s": number(last.gap_s),
            "clock_residual_s": number(last.clock_residual_s),
            "onset_uncertainty_s": number(last.onset_uncertainty_s),
        }
    return told


def _peers(status: SessionStatus | None) -> list[dict[str, Any]]:
    return [
        {
            "name": peer.name,
            "silent_s": round(peer.silent_s, 1),
            "limit_s": peer.lost_after_s,
            "lost": peer.lost,
        }
        for peer in (status.peers if status is not None else ())
    ]


def _advice(status: SessionStatus | None) -> list[str]:
    threads = status.threads if status is not None else ()
    return [f"{thread.name}: {text}" for thread in threads for text in thread.advice]


def _thread(thread: ThreadView) -> dict[str, Any]:
    info = thread.info
    return {
        "thread_id": info.thread_id,
        "name": info.name,
        "units": list(info.driver_unit_ids),
        "optimizer": info.optimizer,
        "direction": info.direction,
    }


def _response(thread: ThreadView) -> dict[str, Any] | None:
    found = thread.response
    if found is None:
        return None
    return {
        "thread_id": thread.info.thread_id,
        "block": found.block,
        "from_s": round(float(found.generated.edges_s[0]), 6),
        "bin_s": PSTH_BIN_S,
        "generated": _psth(found.generated),
        "references": _psth(found.references),
    }


def _psth(found: Psth) -> dict[str, Any]:
    return {
        "n": found.n_presentations,
        "rate_hz": [number(value) for value in found.rate_hz.tolist()],
        "sem_hz": [number(value) for value in found.sem_hz.tolist()],
    }


def _images(thread: ThreadView) -> dict[str, Any]:
    return {
        "thread_id": thread.info.thread_id,
        "images": [_image(image) for image in thread.images[:IMAGES_SHOWN]],
        "of": len(thread.images),
    }


def _image(image: ShownImage) -> dict[str, Any]:
    return {
        "id": image.image_id,
        "sha256": image.sha256 if image.place is not None else None,
        "reference": image.kind == "reference",
        "name": image.name,
        "score": number(image.score),
    }


def _remarks(log: LogView | None) -> list[list[str]]:
    return [[r.wall_time, r.kind, r.text] for r in log.remarks] if log is not None else []


def _curve_row(row: CurveRow) -> list[float | None]:
    rates = (row.mean, row.sem, row.best, row.reference_mean, row.reference_sem)
    return [row.generation, *(number(rate) for rate in rates), row.n_scored, row.n_images]
