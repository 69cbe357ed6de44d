"""What an archive asks about a session beyond what happened in it: animal, lab, electrodes.

It comes from the tables [subject], [lab] and [electrodes] of the session's config, and from
corrections that are given when the log is exported. What nobody said stays empty: nothing is
guessed. Needs no pynwb.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from sessions.errors import SessionLogError
from sessions.reader import LogReader
from sessions.storage import json_value

TABLES = ("subject", "lab", "electrodes")
"""Tables of the config that are read, and that corrections may have."""

UNKNOWN = "unknown"
"""What NWB has written where it wants a text and nobody knows it."""

_SPECIES = re.compile(r"[A-Z][a-z]+ [a-z]+|http://purl\.obolibrary\.org/obo/NCBITaxon_\d+$")
_SPECIES_TOLD = "its Latin name, as Macaca mulatta"


class MetadataError(SessionLogError):
    """What was given about the animal or the lab cannot stand in an NWB file."""


@dataclass(frozen=True)
class SubjectFacts:
    """The animal. `age` is an ISO 8601 duration, `date_of_birth` a date or moment of ISO 8601."""

    subject_id: str
    species: str = ""
    sex: str = ""
    age: str = ""
    date_of_birth: str = ""
    strain: str = ""
    genotype: str = ""
    description: str = ""


@dataclass(frozen=True)
class LabFacts:
    """Who did what, where; `experimenter` are names as "Last, First"."""

    institution: str = ""
    lab: str = ""
    experimenter: tuple[str, ...] = ()
    description: str = ""
    keywords: tuple[str, ...] = ()
    protocol: str = ""
    related_publications: tuple[str, ...] = ()


@dataclass(frozen=True)
class ElectrodeFacts:
    """What was recorded with, and where; `channels` has the place of single channels by id."""

    device: str = ""
    manufacturer: str = ""
    location: str = ""
    channels: Mapping[int, str] = field(default_factory=dict)

    def location_of(self, channel_id: int) -> str:
        """Return the place of one channel; "unknown" where nobody said it."""
        return self.channels.get(channel_id) or self.location or UNKNOWN


@dataclass(frozen=True)
class Metadata:
    """All of it."""

    subject: SubjectFacts
    lab: LabFacts = LabFacts()
    electrodes: ElectrodeFacts = ElectrodeFacts()


def metadata_of(
    reader: LogReader, corrections: Mapping[str, Mapping[str, Any]] | None = None
) -> Metadata:
    """Return what the config in a log says, and over it the corrections, key by key.

    `corrections` has tables as the config names them, with keys as there.

    Raises:
        MetadataError: a date cannot be read.

    """
    tables = json_value(reader.start.config_json, "config")
    said: dict[str, dict[str, Any]] = {
        # An older log's config lacks tables, and a made-up log may have none of them.
        name: {**_table(tables, name), **(corrections or {}).get(name, {})}
        for name in TABLES
    }
    subject_id = str(said["subject"].get("id") or reader.start.subject_id)
    channels = {
        int(key): str(value) for key, value in said["electrodes"].get("channels", {}).items()
    }
    found = Metadata(
        SubjectFacts(**{**_known(said["subject"], SubjectFacts), "subject_id": subject_id}),
        LabFacts(**_known(said["lab"], LabFacts)),
        ElectrodeFacts(**{**_known(said["electrodes"], ElectrodeFacts), "channels": channels}),
    )
    _require_date(found.subject.date_of_birth)
    return found


def missing_for_dandi(metadata: Metadata, *, has_channels: bool = True) -> tuple[str, ...]:
    """Return what DANDI wants and nobody said, as `table.key`, what it demands first."""
    subject, lab, electrodes = metadata.subject, metadata.lab, metadata.electrodes
    demanded = {
        f"subject.species ({_SPECIES_TOLD})": _SPECIES.match(subject.species),
        "subject.sex": subject.sex,
        "subject.age or subject.date_of_birth": subject.age or subject.date_of_birth,
    }
    wished = {
        "lab.institution": lab.institution,
        "lab.lab": lab.lab,
        "lab.experimenter": lab.experimenter,
        "lab.description": lab.description,
        "lab.keywords": lab.keywords,
        "electrodes.device": electrodes.device or not has_channels,
        "electrodes.location": electrodes.location or electrodes.channels or not has_channels,
    }
    return tuple(key for key, value in (demanded | wished).items() if not value)


def is_demanded(key: str) -> bool:
    """Whether DANDI refuses a file without what `missing_for_dandi` calls `key`."""
    return key.startswith("subject.")


def file_name(metadata: Metadata, session_id: str) -> str:
    """Return the name that DANDI would give the file: sub-<id>_ses-<id>.nwb."""
    return f"sub-{_plain(metadata.subject.subject_id)}_ses-{_plain(session_id)}.nwb"


def _plain(name: str) -> str:
    """Return a name without what DANDI allows in no part of a file name."""
    return re.sub(r"[^A-Za-z0-9-]+", "-", name)


def _table(tables: Any, name: str) -> dict[str, Any]:
    table = tables.get(name) if isinstance(tables, dict) else None
    return {**table} if isinstance(table, dict) else {}


def _known(table: Mapping[str, Any], kind: type) -> dict[str, Any]:
    """Return the keys that `kind` has; a newer neuroloop may have written more."""
    names = {item.name for item in fields(kind)}
    plain = {key: tuple(v) if isinstance(v, list) else v for key, v in table.items()}
    return {key: value for key, value in plain.items() if key in names}


def _require_date(text: str) -> None:
    try:
        datetime.fromisoformat(text or "2000-01-01")
    except ValueError as error:
        raise MetadataError(
            f"subject.date_of_birth is {text!r}, which is no date of ISO 8601; give it as "
            "2019-04-30, in the config or with --metadata."
        ) from error
