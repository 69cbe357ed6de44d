"""Whose response drives a thread."""

import pytest

from controller.config.tables import ThreadTable
from controller.drivers import driver_unit_ids, lacking
from rig_adapters.wire.messages import UnitDescription

UNITS = tuple(
    UnitDescription(unit_id=unit_id, channel_id=unit_id // 100, label="")
    for unit_id in (1302, 100, 1301, 101, 1300)
)


def thread(**drivers: list[int]) -> ThreadTable:
    table = {
        "generator": "main",
        "optimizer": {"kind": "random", "population_size": 4},
        "position_deg": [0.0, 0.0],
        "size_deg": 4.0,
    }
    return ThreadTable.model_validate({**table, **drivers})


@pytest.mark.parametrize(
    ("drivers", "ids", "words"),
    [
        ({"driver_units": [1302]}, (1302,), "unit 1302"),
        ({"driver_units": [1302, 101]}, (1302, 101), "units 1302+101"),
        ({"driver_channels": [13]}, (1300, 1301, 1302), "all of channel 13"),
        (
            {"driver_channels": [13, 1]},
            (100, 101, 1300, 1301, 1302),
            "all of channels 13+1",
        ),
    ],
)
def test_drivers_are_units_by_name_or_all_of_some_channels(
    drivers: dict[str, list[int]], ids: tuple[int, ...], words: str
) -> None:
    table = thread(**drivers)

    assert driver_unit_ids(table, UNITS) == ids
    assert lacking(table, UNITS) == ""
    assert table.drivers == words


def test_what_the_rig_lacks_is_named_with_what_it_has() -> None:
    assert lacking(thread(driver_units=[1303]), UNITS) == (
        "unit 1303; it has [100, 101, 1300, 1301, 1302]"
    )
    assert lacking(thread(driver_channels=[13, 14]), UNITS) == (
        "unit on channel 14; it has channels [1, 13]"
    )
