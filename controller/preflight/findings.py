"""What pre-flight found, as values: one row for each thing that was looked at. Pure."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from controller.errors import SessionRefused

State = Literal["pass", "warn", "refuse"]
_ORDER: tuple[State, ...] = ("pass", "warn", "refuse")


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, what it turned out to be, and what to do where that is not good."""

    what: str
    state: State
    found: str
    advice: str = ""

    @property
    def sentence(self) -> str:
        """What was found, and what to do about it."""
        return f"{self.found}: {self.advice}" if self.advice else self.found


@dataclass(frozen=True, slots=True)
class Report:
    """All findings, in the order in which they were made."""

    findings: tuple[Finding, ...]

    @property
    def worst(self) -> State:
        """The state of the worst finding."""
        return max((f.state for f in self.findings), key=_ORDER.index, default="pass")

    def of(self, state: State) -> tuple[Finding, ...]:
        """Return the findings of one state."""
        return tuple(finding for finding in self.findings if finding.state == state)

    def as_json(self) -> dict[str, Any]:
        """Return plain values, for a log or a script."""
        return {"worst": self.worst, "findings": [asdict(finding) for finding in self.findings]}

    def summary(self) -> str:
        """Return everything that is not as it should be in one line."""
        told = f"{len(self.of('pass'))} passed"
        bad = [f"{f.state} {f.what}: {f.found}" for f in self.findings if f.state != "pass"]
        return "; ".join([told, *bad])


def report(*findings: Iterable[Finding]) -> Report:
    """Return a report of all these findings."""
    return Report(tuple(finding for some in findings for finding in some))


def require(found: Report) -> None:
    """Raise SessionRefused with what forbids a session, where anything does."""
    refused = found.of("refuse")
    if refused:
        raise SessionRefused("; ".join(finding.sentence for finding in refused))
