"""Whose response drives a thread: units by name, or all that the rig has on some channels. Pure."""

from collections.abc import Sequence

from controller.config.tables import ThreadTable
from rig_adapters.wire.messages import UnitDescription


def driver_unit_ids(thread: ThreadTable, units: Sequence[UnitDescription]) -> tuple[int, ...]:
    """Return the ids of the driver units of a thread among the `units` of the rig.

    Units by name come in the order of the config, and also where the rig lacks them; those of
    channels in the order of their ids.
    """
    if thread.driver_units is not None:
        return thread.driver_units
    channels = set(thread.driver_channels or ())
    return tuple(sorted(unit.unit_id for unit in units if unit.channel_id in channels))


def lacking(thread: ThreadTable, units: Sequence[UnitDescription]) -> str:
    """Return what the rig lacks of what is to drive a thread, in words; "" where nothing."""
    if thread.driver_units is not None:
        known = {unit.unit_id for unit in units}
        missing = sorted(set(thread.driver_units) - known)
        return f"unit {missing[0]}; it has {sorted(known)}" if missing else ""
    channels = {unit.channel_id for unit in units}
    missing = sorted(set(thread.driver_channels or ()) - channels)
    return f"unit on channel {missing[0]}; it has channels {sorted(channels)}" if missing else ""
