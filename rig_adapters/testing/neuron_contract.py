"""What every family of simulated neurons promises, as tests.

A lab runs them on its own:

    class TestOurNeurons(NeuronContract):
        family = OurSettings
        table = {"kind": "ours", "seed": 1}
        another = {"kind": "ours", "seed": 2}

`table` and `another` are two units, without their channels, that prefer different things. Left out:
which pictures they prefer, which a family tests against an implementation of its own.
"""

import random
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pytest
from pydantic import ValidationError

from rig_adapters.sim.neurons.base import Images, Neurons
from rig_adapters.sim.neurons.registry import build_neurons
from rig_adapters.sim.neurons.settings import UnitSettings
from rig_adapters.sim.neurons.shape.patterns import KINDS, preferred_picture, textures
from rig_adapters.sim.neurons.shape.settings import ShapeSettings
from rig_adapters.sim.retina import BACKGROUND_GREY, Placement

N_PICTURES = 9
COMPANIONS_RTOL = 1e-5
"""By how much of a rate the images beside one may change it."""
COMPANIONS_ATOL_HZ = 1e-3
"""And this much whatever the rate: of what is cut off at 0, little is left beside the rounding."""
NEARLY = 0.9
"""What share of the best rate a preferred picture reaches at least."""


class NeuronContract:
    """Subclass it, and say which `family` it is and how two units differ."""

    family: ClassVar[type[UnitSettings]]
    table: ClassVar[Mapping[str, Any]]
    another: ClassVar[Mapping[str, Any]]

    @classmethod
    def unit(cls, channel: int = 1, **changes: Any) -> UnitSettings:
        """Return the settings of the unit of `table`."""
        return cls.family.model_validate({**cls.table, "channel": channel, **changes})

    @pytest.fixture(scope="class")
    @classmethod
    def neurons(cls) -> Neurons:
        """Both units, each on its channel."""
        other = cls.family.model_validate({**cls.another, "channel": 2})
        return build_neurons([cls.unit(), other])

    @pytest.fixture(scope="class")
    @classmethod
    def pictures(cls) -> Images:
        """Paint some that have nothing to do with what the units prefer."""
        return textures(N_PICTURES, np.random.default_rng(2026))

    def test_rates_are_finite_and_between_nothing_and_the_room_that_a_unit_has(
        self, neurons: Neurons, pictures: Images
    ) -> None:
        hard = np.concatenate([_extremes(pictures.shape[1]), pictures])

        rates = neurons.evoked_hz(hard)

        assert rates.shape == (len(hard), 2)
        assert rates.dtype == np.float64
        assert np.isfinite(rates).all()
        assert rates.min() >= 0.0
        assert rates.max() <= self.unit().room_hz

    def test_a_unit_has_less_room_where_its_ceiling_is_lower(self, pictures: Images) -> None:
        rates = build_neurons([self.unit(max_rate_hz=30.0, spontaneous_hz=10.0)]).evoked_hz(
            pictures
        )

        assert 0.0 <= rates.min() <= rates.max() <= 20.0

    def test_the_same_images_evoke_the_same_again_and_when_built_again(
        self, neurons: Neurons, pictures: Images
    ) -> None:
        first = neurons.evoked_hz(pictures)

        np.testing.assert_array_equal(neurons.evoked_hz(pictures), first)
        rebuilt = build_neurons([self.unit()]).evoked_hz(pictures)
        np.testing.assert_allclose(
            rebuilt[:, 0], first[:, 0], rtol=COMPANIONS_RTOL, atol=COMPANIONS_ATOL_HZ
        )

    def test_images_beside_an_image_hardly_matter(self, neurons: Neurons, pictures: Images) -> None:
        together = neurons.evoked_hz(pictures)

        alone = np.concatenate([neurons.evoked_hz(one[None]) for one in pictures])
        np.testing.assert_allclose(alone, together, rtol=COMPANIONS_RTOL, atol=COMPANIONS_ATOL_HZ)

    def test_images_are_left_as_they_are_and_may_be_read_only(
        self, neurons: Neurons, pictures: Images
    ) -> None:
        shown = pictures.copy()
        shown.flags.writeable = False

        neurons.evoked_hz(shown)

        np.testing.assert_array_equal(shown, pictures)

    def test_images_may_be_wider_than_high(self, neurons: Neurons, pictures: Images) -> None:
        assert neurons.evoked_hz(pictures[:, :40]).shape == (N_PICTURES, 2)

    def test_an_image_beside_the_field_evokes_what_grey_does(
        self, neurons: Neurons, pictures: Images
    ) -> None:
        grey = np.full((1, 32, 32, 3), BACKGROUND_GREY, np.uint8)
        size_deg = self.unit().rf_size_deg
        beside = Placement(1.5 * size_deg, -1.5 * size_deg, size_deg)

        evoked = neurons.evoked_hz(pictures, beside)

        np.testing.assert_allclose(
            evoked,
            np.repeat(neurons.evoked_hz(grey), N_PICTURES, axis=0),
            rtol=COMPANIONS_RTOL,
            atol=COMPANIONS_ATOL_HZ,
        )

    def test_without_a_place_an_image_fills_the_field(self, pictures: Images) -> None:
        unit = self.unit(rf_center_deg=(2.0, -1.0), rf_size_deg=4.0)
        neurons = build_neurons([unit])

        np.testing.assert_array_equal(
            neurons.evoked_hz(pictures), neurons.evoked_hz(pictures, unit.field.filled)
        )

    def test_an_image_moved_with_the_field_evokes_the_same(self, pictures: Images) -> None:
        moved = build_neurons([self.unit(rf_center_deg=(4.0, -2.0), rf_size_deg=3.0)])

        there = moved.evoked_hz(pictures, Placement(4.0, -2.0, 3.0))

        here = build_neurons([self.unit(rf_size_deg=3.0)]).evoked_hz(pictures)
        # Samples of a field elsewhere are rounded elsewhere.
        np.testing.assert_allclose(there, here, rtol=1e-3, atol=1e-3)

    def test_where_in_the_field_an_image_is_matters(
        self, neurons: Neurons, pictures: Images
    ) -> None:
        size_deg = self.unit().rf_size_deg
        shifted = neurons.evoked_hz(pictures, Placement(size_deg / 3, 0.0, size_deg))

        assert (np.abs(shifted - neurons.evoked_hz(pictures)).max(axis=0) > 0.01).all()

    def test_units_that_prefer_other_things_fire_otherwise(
        self, neurons: Neurons, pictures: Images
    ) -> None:
        one, other = neurons.evoked_hz(pictures).T

        assert np.abs(one - other).max() > 0.01
        assert neurons.truths[0].about != neurons.truths[1].about

    def test_pictures_differ_in_what_they_evoke(self, neurons: Neurons, pictures: Images) -> None:
        assert (neurons.evoked_hz(pictures).std(axis=0) > 0.01).all()

    def test_what_a_unit_prefers_beats_textures_and_figures(self, neurons: Neurons) -> None:
        others = np.concatenate([textures(40, np.random.default_rng(5)), _figures()])
        rates = neurons.evoked_hz(others)

        for column, truth in enumerate(neurons.truths):
            if truth.preferred is not None:
                best = neurons.evoked_hz(truth.preferred[None])[0, column]
                assert best > rates[:, column].max()

    def test_a_preferred_picture_is_a_picture(self, neurons: Neurons) -> None:
        for truth in neurons.truths:
            assert truth.about
            if truth.preferred is not None:
                assert truth.preferred.dtype == np.uint8
                assert truth.preferred.ndim == 3
                assert truth.preferred.shape[2] == 3

    def test_nothing_beats_the_best_rate_and_what_is_preferred_nearly_reaches_it(
        self, neurons: Neurons, pictures: Images
    ) -> None:
        hard = np.concatenate([_extremes(pictures.shape[1]), pictures])

        for column, truth in enumerate(neurons.truths):
            if truth.best_hz is not None:
                assert neurons.evoked_hz(hard)[:, column].max() <= truth.best_hz
            if truth.best_hz is not None and truth.preferred is not None:
                reached = neurons.evoked_hz(truth.preferred[None])[0, column]
                assert NEARLY * truth.best_hz <= reached <= truth.best_hz * (1 + 1e-9)

    def test_columns_are_those_of_the_unit_ids_in_any_order_and_company(
        self, neurons: Neurons, pictures: Images
    ) -> None:
        stranger = ShapeSettings(channel=9, seed=7)
        other = self.family.model_validate({**self.another, "channel": 2})
        units = [other, stranger, self.unit()]
        mixed = build_neurons(units)

        assert mixed.unit_ids == tuple(unit.unit_id for unit in units)
        apart = neurons.evoked_hz(pictures)
        expected = np.stack(
            [apart[:, 1], build_neurons([stranger]).evoked_hz(pictures)[:, 0], apart[:, 0]], axis=1
        )
        np.testing.assert_allclose(
            mixed.evoked_hz(pictures), expected, rtol=COMPANIONS_RTOL, atol=COMPANIONS_ATOL_HZ
        )
        assert [truth.about for truth in mixed.truths][::2] == [
            truth.about for truth in neurons.truths[::-1]
        ]

    def test_units_may_look_at_different_places(self, pictures: Images) -> None:
        places = ((0.0, 0.0), (3.0, 0.0), (0.0, 0.0))
        units = [
            self.unit(channel, rf_center_deg=center) for channel, center in enumerate(places, 1)
        ]
        where = Placement(1.0, 0.5, 3.0)

        together = build_neurons(units).evoked_hz(pictures, where)

        for column, unit in enumerate(units):
            alone = build_neurons([unit]).evoked_hz(pictures, where)[:, 0]
            np.testing.assert_allclose(
                together[:, column], alone, rtol=COMPANIONS_RTOL, atol=COMPANIONS_ATOL_HZ
            )

    def test_unknown_keys_are_refused(self) -> None:
        with pytest.raises(ValidationError, match="volume"):
            self.unit(volume=11)

    def test_building_and_asking_leave_the_randomness_of_others_alone(
        self, pictures: Images
    ) -> None:
        before = _global_state()

        build_neurons([self.unit()]).evoked_hz(pictures)

        assert _global_state() == before


def _figures() -> Images:
    rng = np.random.default_rng(77)
    return np.array([preferred_picture(kind, rng) for kind in KINDS for _ in range(3)])


def _extremes(size_px: int) -> Images:
    """Return black, white, and the hardest noise."""
    noise = np.random.default_rng(3).integers(0, 2, (size_px, size_px, 3), np.uint8) * 255
    even = [np.full_like(noise, value) for value in (0, BACKGROUND_GREY, 255)]
    return np.stack([*even, noise])


def _global_state() -> tuple[object, ...]:
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002  # to see that nobody drew from it
    return (random.getstate(), kind, np.asarray(keys).tobytes(), *rest)
