"""What is in an NWB file is what is in the log: matched by id, to the last bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pynwb import NWBHDF5IO, NWBFile

from sessions.nwb.pixels import BUFFERED_IMAGES
from sessions.reader import LogReader
from sessions.tables import ScoreRows
from sessions.testing.synthetic import CLOCK_DRIFT, CLOCK_OFFSET_S

from .conftest import Pair, export

Opened = Callable[[str], tuple[LogReader, NWBFile]]


@pytest.fixture(scope="module")
def opened(pair_of: Callable[[str], Pair]) -> Iterator[Opened]:
    """Return a function that opens a log of one kind and its NWB file, once."""
    found: dict[str, tuple[LogReader, NWBFile]] = {}
    with ExitStack() as files:

        def open_(kind: str) -> tuple[LogReader, NWBFile]:
            if kind not in found:
                pair = pair_of(kind)
                io = files.enter_context(NWBHDF5IO(pair.nwb, "r"))
                found[kind] = pair.log, io.read()
            return found[kind]

        yield open_


def on_rig(host_s: Any) -> Any:
    return CLOCK_OFFSET_S + (1 + CLOCK_DRIFT) * host_s


def test_spikes_are_those_of_the_log_and_were_observed(opened: Opened) -> None:
    log, nwb = opened("finished")
    units = nwb.units.to_dataframe()

    assert set(units.index) == set(log.unit_ids)
    for unit in log.units:
        row = units.loc[unit.unit_id]
        mine = log.spikes.rig_time_s[log.spikes.unit_id == unit.unit_id]
        np.testing.assert_array_equal(row.spike_times, mine)
        assert (row.label, row.channel_id) == (unit.label, unit.channel_id)
        assert list(row.electrodes.index) == [unit.channel_id]
        inside = [(a <= mine) & (mine <= b) for a, b in row.obs_intervals]
        assert np.any(inside, axis=0).all()
        assert len(row.obs_intervals) == 3
    drives = units.drives_threads.to_dict()
    assert drives == {11: "0", 12: "1", 13: "", 14: "1"}
    assert set(nwb.electrodes["group"].data) == {nwb.electrode_groups["probe"]}
    places = nwb.electrodes.to_dataframe().location.to_dict()
    assert places == {5: "IT", 6: "IT", 7: "V4"}


@pytest.mark.parametrize("kind", ["finished", "of rates"])
def test_pixels_are_those_of_the_log_and_each_image_is_there_once(
    kind: str, opened: Opened
) -> None:
    log, nwb = opened(kind)
    images = nwb.processing["misc"]["images"].to_dataframe()

    assert sorted(images.index) == sorted(log.images.image_id)
    for image_id, row in images.iterrows():
        if row.stored_in in nwb.stimulus_template:
            stored = nwb.stimulus_template[row.stored_in].order_of_images[row.stored_at]
            pixels = stored.data[:]
        else:
            pixels = nwb.stimulus[row.stored_in].data[row.stored_at]
        np.testing.assert_array_equal(pixels, log.pixels(image_id))
    assert not images.duplicated(["stored_in", "stored_at"]).any()


def test_onsets_of_images_are_their_first_ones(opened: Opened) -> None:
    log, nwb = opened("finished")
    images = nwb.processing["misc"]["images"].to_dataframe()
    shown = log.presentations
    onset_s = np.where(np.isnan(shown.onset_rig_s), on_rig(shown.flip_on_host_s), shown.onset_rig_s)
    for thread in log.threads:
        mine = images[images.thread_id == thread.thread_id].sort_values("stored_at")
        series = nwb.stimulus[f"generated_images_thread_{thread.thread_id}"]
        first = [np.nanmin(onset_s[shown.image_id == image_id]) for image_id in mine.index]
        np.testing.assert_allclose(series.timestamps[:], first, rtol=0, atol=1e-9)
        assert (np.diff(series.timestamps[:]) > 0).all()
    index = nwb.stimulus["reference_presentations"]
    names = [image.description for image in index.indexed_images.order_of_images]
    name_of = dict(zip(log.images.image_id, log.images.name, strict=True))
    known = np.isfinite(onset_s) & (shown.thread_id == -1)
    told = dict(zip(np.round(index.timestamps[:], 6), index.data[:], strict=True))
    assert len(told) == known.sum()
    for image_id, at_s in zip(shown.image_id[known], onset_s[known], strict=True):
        assert names[told[np.round(at_s, 6)]] == name_of[image_id]


def test_codes_and_scores_are_those_of_the_log(opened: Opened) -> None:
    log, nwb = opened("finished")
    misc = nwb.processing["misc"]
    for thread in log.threads:
        codes = log.codes(thread.thread_id)
        table = misc[f"codes_thread_{thread.thread_id}"]
        assert table["code"].data.dtype == np.float32
        np.testing.assert_array_equal(table["image_id"][:], codes.image_id)
        np.testing.assert_array_equal(table["code"][:], codes.code)
    scores = misc["scores"].to_dataframe()
    for item in fields(ScoreRows):
        np.testing.assert_array_equal(scores[item.name], getattr(log.scores, item.name))
    optimizer = misc["optimizer"].to_dataframe().set_index(["thread_id", "generation"])
    rows = log.generations
    for row in range(len(rows.block)):
        there = optimizer.loc[(rows.thread_id[row], rows.generation[row])]
        assert there.sigma == rows.sigma[row]
        assert there.started_wall == rows.started_wall[row]


@pytest.mark.parametrize("kind", ["finished", "of rates"])
def test_every_presentation_is_there_with_its_outcome(kind: str, opened: Opened) -> None:
    log, nwb = opened(kind)
    tables = nwb.processing["misc"] if kind == "of rates" else {"presentations": nwb.trials}
    there = tables["presentations"].to_dataframe()
    rows = log.presentations
    assert sorted(there.index) == sorted(rows.presentation_id)
    here = there.loc[rows.presentation_id]
    for name in ("outcome", "reason", "image_id", "trial_id", "x_deg", "shown_sha256"):
        np.testing.assert_array_equal(here[name], getattr(rows, name))
    generation_of = dict(zip(log.images.image_id, log.images.generation, strict=True))
    assert list(here.generation) == [generation_of[each] for each in rows.image_id]


def test_what_came_on_has_a_time_and_what_did_not_has_none(opened: Opened) -> None:
    log, nwb = opened("finished")
    there = nwb.trials.to_dataframe()
    rows = log.presentations
    here = there.loc[rows.presentation_id]
    heard = np.isfinite(rows.onset_rig_s)
    np.testing.assert_array_equal(here.start_time[heard], rows.onset_rig_s[heard])
    unheard = ~heard & np.isfinite(rows.flip_on_host_s)
    np.testing.assert_allclose(
        here.start_time[unheard], on_rig(rows.flip_on_host_s[unheard]), rtol=0, atol=1e-9
    )
    assert unheard.any()
    assert set(here.start_source[unheard]) == {"flip"}
    never = rows.outcome == "not_shown"
    assert never.any()
    assert here.start_time[never].isna().all()
    assert (np.diff(there.start_time.dropna()) >= 0).all()


def test_what_a_rig_reported_is_there(opened: Opened) -> None:
    log, nwb = opened("of rates")
    assert nwb.units is None
    assert nwb.trials is None
    misc = nwb.processing["misc"]
    rates = misc["reported_rates"]
    np.testing.assert_array_equal(rates.id[:], log.reported.presentation_id)
    np.testing.assert_array_equal(rates["rates"][:], log.reported.rates)
    np.testing.assert_array_equal(misc["unit_list"].id[:], log.unit_ids)
    start_s = nwb.intervals["blocks"]["start_time"][:]
    np.testing.assert_array_equal(start_s, np.unique(log.generations.started_host_s))


def test_times_of_the_host_are_told_on_the_clock_of_the_file(opened: Opened) -> None:
    log, nwb = opened("finished")
    fixations = nwb.intervals["fixation_trials"].to_dataframe()
    np.testing.assert_allclose(
        fixations.start_time, on_rig(np.sort(log.trials.spot_on_host_s)), rtol=0, atol=1e-9
    )
    events = nwb.events["session_events"].to_dataframe()
    assert list(events.annotation) == list(log.events.text)
    np.testing.assert_allclose(events.timestamp, on_rig(log.events.host_time_s))
    edges = nwb.events["sync_edges"].to_dataframe()
    np.testing.assert_array_equal(edges.timestamp, log.sync.rig_time_s)
    rows = log.generations
    zero = datetime.fromisoformat(str(rows.started_wall[0])) - timedelta(
        seconds=on_rig(rows.started_host_s[0])
    )
    assert abs(nwb.timestamps_reference_time - zero) < timedelta(milliseconds=1)


def test_virtual_time_is_told_and_moves_no_event(opened: Opened) -> None:
    log, nwb = opened("cut off, in virtual time")
    assert "virtual time" in nwb.notes
    assert "cut off" in nwb.session_description
    events = nwb.processing["misc"]["session_events"].to_dataframe()
    assert "timestamp" not in events
    assert list(events.wall) == list(log.events.wall_time)
    first_s = min(np.nanmin(log.spikes.rig_time_s), np.nanmin(log.presentations.onset_rig_s))
    began = nwb.timestamps_reference_time + timedelta(seconds=first_s)
    wall = datetime.fromisoformat(str(log.generations.started_wall[0]))
    assert abs(began - wall) < timedelta(milliseconds=1)


def test_settings_have_the_config_as_it_was_written(opened: Opened) -> None:
    log, nwb = opened("finished")
    settings = nwb.processing["misc"]["settings"].to_dataframe().set_index("setting")["value"]
    assert settings["config_toml"] == log.start.config_toml
    assert settings["seed"] == str(log.start.seed)
    assert settings["versions.neuroloop"] == "0.1.0"
    assert settings["threads.1.driver_unit_ids"] == "[12, 14]"
    assert settings["threads.0.optimizer_settings.sigma"] == "3.0"
    assert settings["exit_status"] == "success"


def test_only_a_few_images_are_in_memory_at_a_time(
    tmp_path: Path, pair_of: Callable[[str], Pair]
) -> None:
    done: list[int] = [0]

    def progress(_doing: str, so_far: int, total: int) -> None:
        assert total == 24
        done.append(so_far)

    export(pair_of("finished").log.path, tmp_path / "file.nwb", progress=progress)

    assert done == [0, BUFFERED_IMAGES, 24, BUFFERED_IMAGES, 24]
