"""What a generator's geometry says, in numbers and sentences; and which walks show it.

What is left out: computing it (`generators.geometry`), drawing it (`geometry_figure`).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from generators.base import Generator
from generators.errors import SettingsError
from generators.geometry.distances import Distance
from generators.geometry.metric import Tell
from generators.geometry.products import Codes
from generators.geometry.service import Geometry
from generators.geometry.spectrum import SHARES, dims_for
from generators.geometry.walks import Walk, pixels_shown, walk

SHOWN_AXES = (1, 2, 3, 5, 10, 20, 50, 100)
"""Ranks of the axes that are walked along, as far as there are so many."""
SHARES_OF_TYPICAL = (0.2, 0.4, 0.6, 0.8)
"""Distances of a walk, as shares of that between pictures of random codes."""
_DIGITS = 4


@dataclass(frozen=True, eq=False)
class Walked:
    """A walk along one axis.

    Attributes:
        rank: of the axis, 1 for the strongest.
        share: of the sum of all eigenvalues.
        walk: the steps that were found.

    """

    rank: int
    share: float
    walk: Walk


@dataclass(frozen=True, eq=False)
class Description:
    """A geometry with its walks.

    Attributes:
        generator: its name.
        distance: name of the distance.
        geometry: eigenvalues and axes.
        dims: fewest directions for each of `SHARES`; None where more are needed than are known.
        targets: distances of the walks.
        walks: along some axes, through the first reference code.

    """

    generator: str
    distance: str
    geometry: Geometry
    dims: tuple[int | None, ...]
    targets: tuple[float, ...]
    walks: tuple[Walked, ...]

    def sentences(self) -> list[str]:
        """Say what was found."""
        geometry = self.geometry
        n_axes, code_dim = geometry.axes.vectors.shape
        shares = " / ".join(f"{100 * share:g}" for share in SHARES)
        counts = " / ".join(_at_most(dims, n_axes) for dims in self.dims)
        known = "all axes" if geometry.complete else f"the {n_axes} strongest axes"
        told = [
            f"{self.generator} by the distance {self.distance}: {known} of {code_dim}, at "
            f"{len(geometry.codes)} codes, by {_ROUTES[geometry.route]}",
            f"directions that hold {shares} % of the metric: {counts}",
            self._homogeneity(),
        ]
        if geometry.n_negative:
            lowest = min(geometry.axes.values.min(), geometry.local_values.min())
            share = -lowest / geometry.axes.values[0]
            told.append(
                f"{geometry.n_negative} eigenvalues are negative, the lowest by {share:.1g} of the "
                "largest: that is the error of the others"
            )
        return told + [sentence for walked in self.walks for sentence in _remarks(walked)]

    def _homogeneity(self) -> str:
        found = self.geometry.homogeneity
        if np.isnan(found.log):
            return "homogeneity: not known, since it takes two codes and a spectrum that varies"
        left_out = f" ({found.n_left_out} pairs left out)" if found.n_left_out else ""
        return f"homogeneity: log {found.log:.3f}{left_out}, linear {found.linear:.3f}"

    def plain(self) -> dict[str, Any]:
        """Return it for a program."""
        geometry, alike = self.geometry, self.geometry.homogeneity
        return {
            "generator": self.generator,
            "distance": self.distance,
            "route": geometry.route,
            "complete": geometry.complete,
            "eigenvalues": geometry.axes.values.tolist(),
            "total": geometry.axes.total,
            "n_negative": geometry.n_negative,
            "dims": dict(zip(map(str, SHARES), self.dims, strict=True)),
            "homogeneity": {"log": alike.log, "linear": alike.linear, "left_out": alike.n_left_out},
            "walks": [_plain_walk(walked) for walked in self.walks],
        }


_ROUTES = {
    "jacobian": "its Jacobian",
    "second": "second derivatives",
    "differences": "differences of its gradient",
    "rendered": "differences of rendered pictures",
}


def describe(
    generator: Generator, distance: Distance, geometry: Geometry, tell: Tell = lambda _: None
) -> Description:
    """Walk along the strongest axes, and sum up what a geometry says.

    Raises:
        SettingsError: pictures of different codes are all the same.

    """
    values, total = geometry.axes.values, geometry.axes.total
    typical = typical_distance(generator, distance, geometry.codes)
    if not typical > 0:
        raise SettingsError(
            f"pictures of different codes are all the same to the distance {distance.name}: check "
            f"the weights of {generator.name}"
        )
    targets = tuple(float(f"{share * typical:.2g}") for share in SHARES_OF_TYPICAL)
    walks = []
    for rank in (rank for rank in SHOWN_AXES if rank <= len(values)):
        tell(f"walk along axis {rank}")
        axis, value = geometry.axes.vectors[rank - 1], float(values[rank - 1])
        found = walk(generator, distance, geometry.codes[0], axis, targets, value)
        walks.append(Walked(rank, value / total, found))
    # All axes give the sum of eigenvalues themselves; of some, the total has an estimate in it.
    known = geometry.local_totals.mean() if not geometry.complete else None
    dims = tuple(dims_for(geometry.usual_values, share, known) for share in SHARES)
    return Description(generator.name, distance.name, geometry, dims, targets, tuple(walks))


def typical_distance(generator: Generator, distance: Distance, codes: Codes) -> float:
    """Return the median distance between pictures of random codes and the next ones.

    Of one code, it is that to the picture of zeros.
    """
    others = np.roll(codes, 1, axis=0) if len(codes) > 1 else np.zeros_like(codes)
    pixels = pixels_shown(generator)
    squared = [
        float(distance.squared(pixels(one[np.newaxis]), pixels(other[np.newaxis]))[0])
        for one, other in zip(codes, others, strict=True)
    ]
    return float(np.sqrt(np.median(squared)))


def _at_most(dims: int | None, n_axes: int) -> str:
    return f"more than {n_axes}" if dims is None else str(dims)


def _remarks(walked: Walked) -> list[str]:
    told = []
    for name, side in (("behind", walked.walk.behind), ("ahead", walked.walk.ahead)):
        if not side.reached.all():
            least = side.targets[~side.reached].min()
            told.append(
                f"axis {walked.rank}, {name}: {least:g} is out of reach, pictures come to "
                f"{side.furthest:.{_DIGITS}g} at most"
            )
        if not side.rising:
            told.append(
                f"axis {walked.rank}, {name}: the distance falls on the way, so a picture further "
                "out may be as near"
            )
    return told


def _plain_walk(walked: Walked) -> dict[str, Any]:
    sides = {"behind": walked.walk.behind, "ahead": walked.walk.ahead}
    return {
        "rank": walked.rank,
        "share": walked.share,
        **{
            name: {
                "targets": side.targets.tolist(),
                "steps": side.steps.tolist(),
                "distances": side.distances.tolist(),
                "rising": side.rising,
            }
            for name, side in sides.items()
        },
    }
