"""The methods of a session in sentences, out of its config and its log, as for a paper."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sessions.lab_report.config import logged_config
from sessions.lab_report.given import Given
from sessions.lab_report.methods.course import course, software
from sessions.lab_report.methods.presented import animal, display, stimuli
from sessions.lab_report.methods.recorded import recording, scoring
from sessions.lab_report.methods.searched import search, statistics
from sessions.reader import LogReader

__all__ = ["Paragraph", "methods"]


@dataclass(frozen=True)
class Paragraph:
    """A few sentences on one thing; plain text."""

    title: str
    text: str


def methods(reader: LogReader, given: Given) -> tuple[Paragraph, ...]:
    """Return the paragraphs; one that the log has nothing for is left out."""
    config = logged_config(reader)
    written: tuple[tuple[str, Callable[[], Iterator[str]]], ...] = (
        ("Subject and task", lambda: animal(reader, config)),
        ("Stimuli", lambda: stimuli(reader, config)),
        ("Display", lambda: display(reader, config)),
        ("Recording", lambda: recording(reader, config)),
        ("Scores", lambda: scoring(reader, config)),
        ("Search", lambda: search(reader, given)),
        ("Course of the session", lambda: course(reader, config)),
        ("Statistics", lambda: statistics(reader, given)),
        ("Software", lambda: software(reader, given)),
    )
    paragraphs = (Paragraph(title, " ".join(sentences())) for title, sentences in written)
    return tuple(paragraph for paragraph in paragraphs if paragraph.text)
