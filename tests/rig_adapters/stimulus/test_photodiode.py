"""Where the photodiode patch is, and which images it is clear of."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rig_adapters.stimulus.geometry import framebuffer_box, off_screen, placement
from rig_adapters.stimulus.photodiode import patch_box, touches_patch
from rig_adapters.wire.messages import PhotodiodePatch, ScreenGeometry

GEOMETRY = ScreenGeometry(size_px=(320, 240), width_cm=16.0, distance_cm=57.0, refresh_hz=60.0)
CORNERS = ("top_left", "top_right", "bottom_left", "bottom_right")


@pytest.mark.parametrize(
    ("corner", "rows", "columns"),
    [
        ("top_left", (0, 20), (0, 20)),
        ("top_right", (0, 20), (300, 320)),
        ("bottom_left", (220, 240), (0, 20)),
        ("bottom_right", (220, 240), (300, 320)),
    ],
)
def test_the_patch_lies_in_its_corner(
    corner: str, rows: tuple[int, int], columns: tuple[int, int]
) -> None:
    patch = PhotodiodePatch.model_validate({"size_px": 20, "corner": corner})
    assert patch_box(GEOMETRY, patch).slices == (slice(*rows), slice(*columns))


@given(
    st.floats(-8, 8),
    st.floats(-6, 6),
    st.floats(0.2, 10),
    st.integers(1, 200),
    st.sampled_from(CORNERS),
)
def test_an_image_touches_the_patch_exactly_where_they_share_a_pixel(
    x_deg: float, y_deg: float, size_deg: float, size_px: int, corner: str
) -> None:
    assume(not off_screen(GEOMETRY, x_deg, y_deg, size_deg))
    patch = PhotodiodePatch.model_validate({"size_px": size_px, "corner": corner})
    painted = np.zeros((240, 320), np.int64)
    painted[patch_box(GEOMETRY, patch).slices] += 1
    painted[framebuffer_box(GEOMETRY, placement(GEOMETRY, x_deg, y_deg, size_deg)).slices] += 1

    touching = touches_patch(GEOMETRY, patch, x_deg, y_deg, size_deg)

    assert touching == bool((painted == 2).any())
