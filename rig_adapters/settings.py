"""The settings that each rig adapter takes, so that a config can be checked before anything starts.

An adapter validates its own settings again when it is configured; here they are only looked at.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from rig_adapters.sim.settings import SimRigSettings

RIG_SETTINGS: Mapping[str, type[BaseModel]] = {"sim": SimRigSettings}
"""The model of each adapter's table `[rig.settings]`."""


def settings_problems(adapter: str, settings: Mapping[str, Any]) -> ValidationError | None:
    """Return what is wrong with an adapter's settings; None where nothing is."""
    try:
        RIG_SETTINGS[adapter].model_validate(settings)
    except ValidationError as error:
        return error
    return None
