"""How `neuroloop inspect` shows a log: what it is, its generations, and what is wrong with it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from rich.table import Table
from rich.text import Text

from controller.cli.output import out, say
from controller.diagnostics import diagnose, sentences
from sessions.checks import Check, Finding, Severity
from sessions.reader import LogReader
from sessions.records import ThreadInfo
from sessions.report import summary, summary_sentences
from sessions.tables import GenerationRows

_STYLES: Mapping[Severity, str] = {"error": "red", "warning": "yellow", "info": ""}


@dataclass(frozen=True)
class Inspection:
    """What was asked of a log and what came of it; `stored` images have pixels in it.

    Of these, `compared` were read and held against their hashes.
    """

    checks: tuple[Check, ...]
    findings: tuple[Finding, ...]
    stored: int
    compared: int

    def count(self, severity: Severity) -> int:
        """Return how many findings are of this severity."""
        return sum(finding.severity == severity for finding in self.findings)


def as_json(reader: LogReader, inspection: Inspection) -> dict[str, Any]:
    """Return all that the command finds, for a program."""
    found = Counter(finding.check for finding in inspection.findings)
    columns = {item.name: getattr(reader.generations, item.name) for item in fields(GenerationRows)}
    return {
        "summary": asdict(summary(reader)),
        "generations": {name: values.tolist() for name, values in columns.items()},
        "diagnostics": asdict(diagnose(reader)),
        "checks": [
            {"name": check.name, "severity": check.severity, "findings": found[check.name]}
            for check in inspection.checks
        ],
        "pixels": {"stored": inspection.stored, "compared": inspection.compared},
        "findings": [asdict(finding) for finding in inspection.findings],
    }


def print_inspection(reader: LogReader, inspection: Inspection) -> None:
    """Print everything that the command shows."""
    start, found = reader.start, summary(reader)
    simulated = "simulated rig" if start.rig_simulated else "rig"
    say(
        f"{start.session_id}: subject {start.subject_id}, {simulated} {start.rig_adapter}, "
        f"{start.time} time, {start.display_label}"
    )
    for sentence in summary_sentences(found):
        say(sentence)
    for info in start.threads:
        say(_thread_line(info))
    out.print(_generation_table(reader))
    for thread in diagnose(reader).threads:
        for line in sentences(thread):
            say(line)
    _print_time_split(found.time_split_s)
    for event in zip(reader.events.wall_time, reader.events.kind, reader.events.text, strict=True):
        say("  ".join(event))
    if inspection.compared < inspection.stored:
        say(
            f"Of {inspection.stored} images with stored pixels, {inspection.compared} were "
            "compared with their hashes, a sample; --all-pixels compares all."
        )
    print_findings(inspection)


def print_findings(inspection: Inspection) -> None:
    """Print what the checks found, and how much that is."""
    for finding in inspection.findings:
        text = f"{finding.severity}: {finding.message} {finding.remedy}"
        out.print(text, markup=False, style=_STYLES[finding.severity])
    if not inspection.findings:
        say("All checks passed.")
        return
    counts = ", ".join(f"{inspection.count(kind)} {kind}(s)" for kind in _STYLES)
    failed = len({finding.check for finding in inspection.findings})
    say(f"{len(inspection.checks) - failed} of {len(inspection.checks)} checks passed; {counts}.")


def _thread_line(thread: ThreadInfo) -> str:
    drivers = ", ".join(str(unit_id) for unit_id in thread.driver_unit_ids)
    return (
        f"Thread {thread.thread_id} ({thread.name}): optimizer {thread.optimizer}, generator "
        f"{thread.generator} (codes of {thread.code_dim} numbers), driver units {drivers}, "
        f"{thread.direction}."
    )


def _generation_table(reader: LogReader) -> Table:
    rows = reader.generations
    names = {thread.thread_id: thread.name for thread in reader.threads}
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("generation", "thread", "images", "evolved sp/s", "references sp/s", "sigma"):
        table.add_column(title, justify="right")
    for index in range(len(rows.generation)):
        table.add_row(
            str(rows.generation[index]),
            Text(names[int(rows.thread_id[index])]),
            str(rows.n_images[index]),
            f"{rows.score_mean[index]:.1f} ± {rows.score_sem[index]:.1f}",
            f"{rows.reference_mean[index]:.1f} ± {rows.reference_sem[index]:.1f}",
            "–" if np.isnan(rows.sigma[index]) else f"{rows.sigma[index]:.2f}",
        )
    return table


def _print_time_split(split: Mapping[str, float]) -> None:
    total = split.get("total", 0.0)
    if total > 0:
        parts = ", ".join(
            f"{stage} {100 * seconds / total:.1f} %"
            for stage, seconds in split.items()
            if stage != "total" and seconds == seconds
        )
        say(f"Time: {total:.1f} s, of which {parts}")
