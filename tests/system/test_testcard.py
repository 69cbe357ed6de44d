"""`neuroloop testcard` on a virtual screen: what it saves, and that it leaves nothing behind."""

import subprocess

import numpy as np
import PIL.Image
import pytest

from controller.cli.config_commands import template
from controller.config.checks import geometry_of, patch_of
from controller.config.load import parse_config
from rig_adapters.stimulus.card import Place, paint_card
from rig_adapters.stimulus.photodiode import patch_box

from .conftest import NEUROLOOP, PATIENCE_S, Lab

pytestmark = [pytest.mark.system]


@pytest.fixture(autouse=True)
def no_screen(lab: Lab) -> None:
    lab.environment.pop("DISPLAY", None)


def test_the_saved_card_is_the_painted_one_with_the_spot_and_the_lit_patch(lab: Lab) -> None:
    done = lab.neuroloop("testcard", str(lab.config), "--save", "card.png")

    assert done.returncode == 0, done.stderr
    assert done.stdout == "Saved card.png.\n"
    config = parse_config(template())
    geometry, patch = geometry_of(config), patch_of(config)
    assert patch is not None
    expected = paint_card(geometry, None, 128, "screen", [Place("CMA-ES", 0.0, 0.0, 4.0)])
    expected[patch_box(geometry, patch).slices] = 255
    with PIL.Image.open(lab.folder / "card.png") as picture:
        saved = np.asarray(picture)
    differs = (saved != expected).any(axis=-1)
    rows, columns = np.nonzero(differs)
    # Only the fixation spot, 0.2 degrees or 4 pixels across, is not on the painted card.
    assert 0 < len(rows) <= 24
    assert np.abs(rows - 360).max() <= 3
    assert np.abs(columns - 640).max() <= 3
    lab.is_clean()


def test_ctrl_c_takes_the_card_away_and_leaves_nothing_behind(lab: Lab) -> None:
    running = subprocess.Popen(
        [NEUROLOOP, "testcard", str(lab.config)],
        cwd=lab.folder,
        env=lab.environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert running.stderr is not None
    assert "any key at the window, or Ctrl-C here, ends it" in running.stderr.readline()

    # As a terminal does: to all processes at once.
    subprocess.run(["kill", "-INT", "--", f"-{running.pid}"], check=True)
    _, complaints = running.communicate(timeout=PATIENCE_S)

    assert running.returncode == 0, complaints
    assert complaints == ""
    lab.is_clean()


def test_without_a_screen_to_be_had_it_says_so(lab: Lab) -> None:
    lab.environment["PATH"] = "/nowhere"

    done = lab.neuroloop("testcard", str(lab.config))

    assert done.returncode == 2
    assert "Xvfb" in done.stderr
