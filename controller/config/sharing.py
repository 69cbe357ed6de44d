"""Who was recorded, by whom and with what: the tables that a session needs only to be shared.

No key but the animal's name must be set, and none is guessed. They may also stand in a file of
their own, which fills or corrects what the config of a finished session says (`load_metadata`).
"""

import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator

from controller.config import problems
from controller.config.base import Table
from controller.errors import ConfigError

_AGE = r"P(\d+(\.\d+)?[YMWD])+"


class SubjectTable(Table):
    """Who looked at the screen. All but the name is for sharing the data."""

    id: str = Field(min_length=1, max_length=64, description="name of the animal")
    species: str = Field(default="", description='Latin name, e.g. "Macaca mulatta"')
    sex: Literal["M", "F", "U", "O"] = Field(default="U", description="M, F, U(nknown) or O(ther)")
    date_of_birth: str = Field(default="", description="ISO 8601, e.g. 2019-04-30")
    age: str = Field(
        default="",
        pattern=rf"^({_AGE}(/({_AGE})?)?)?$",
        description="at the session, where there is no date of birth: ISO 8601, e.g. P7Y or P7Y6M, "
        "or a range, P7Y/P8Y",
    )
    strain: str = Field(default="", description="where it has one")
    genotype: str = Field(default="", description="where it is known")
    description: str = Field(default="", description="anything else about the animal")


class LabTable(Table):
    """Who did the experiment, where and why; for sharing the data."""

    institution: str = Field(default="", description="where it was done")
    lab: str = Field(default="", description="name of the lab")
    experimenter: tuple[str, ...] = Field(
        default=(), description='who did it, each as "Last, First"'
    )
    description: str = Field(default="", description="what the experiment is about")
    keywords: tuple[str, ...] = Field(default=(), description="to be found by")
    protocol: str = Field(default="", description="number of the animal protocol")
    related_publications: tuple[str, ...] = Field(
        default=(), description='each as "doi:10.…" or "https://doi.org/10.…"'
    )


class ElectrodesTable(Table):
    """What was recorded with, and from where; for sharing the data."""

    device: str = Field(default="", description='the probe, e.g. "Utah array, 96 channels"')
    manufacturer: str = Field(default="", description="of the probe")
    location: str = Field(default="", description='where it is, e.g. "inferotemporal cortex, left"')
    channels: dict[str, str] = Field(
        default={}, description='channels that are elsewhere, by id, e.g. {17 = "V4"}'
    )

    @field_validator("channels")
    @classmethod
    def _channels_have_numbers(cls, channels: dict[str, str]) -> dict[str, str]:
        wrong = [key for key in channels if not key.isdecimal()]
        if wrong:
            raise ValueError(f"channels are numbers, and {wrong[0]!r} is none")
        return channels


class SharingTables(Table):
    """What a file of metadata may hold."""

    subject: SubjectTable | None = None
    lab: LabTable | None = None
    electrodes: ElectrodesTable | None = None


def load_metadata(path: Path, subject_id: str) -> dict[str, dict[str, Any]]:
    """Return the tables of a file of metadata, with the keys that it sets and no others.

    `subject_id` is the animal's name where the file gives none. Raises ConfigError with one
    sentence for each problem.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError([f"there is no file {path}."]) from error
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError([f"{path} is not valid TOML: {error}."]) from error
    found = problems.absurdities(tables)
    if found:
        raise ConfigError(found)
    if isinstance(tables.get("subject"), dict):
        tables["subject"].setdefault("id", subject_id)
    try:
        given = SharingTables.model_validate(tables)
    except ValidationError as error:
        raise ConfigError(problems.sentences(error, SharingTables)) from error
    said: dict[str, dict[str, Any]] = given.model_dump(exclude_unset=True)
    return said
