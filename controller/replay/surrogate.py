"""A surrogate of the neuron that drove a thread: ridge regression, and how far it can be trusted.

Fitted to the images and scores of a log. Its predictivity is that of nested cross-validation: which
features and how much shrinkage are chosen anew within each training set. Nothing is read or printed
here.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from controller.replay.features import SETS, Features, Images, features

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LEAST = 0.4
"""The normalised predictivity below which a surrogate is refused."""
FEWEST_IMAGES = 60
SHRINKAGES = tuple(float(value) for value in np.logspace(-1, 5, 13))
N_FOLDS, N_INNER_FOLDS = 5, 4
FAR = 0.99
"""Images farther out than this share of the fitted ones count as extrapolation."""


@dataclass(frozen=True)
class Predictivity:
    """Correlations of predicted and logged scores; `ceiling` None where noise is not known.

    images, generations: of images and of whole generations that were held out.
    within: of held-out images once the mean of each generation is taken away. It shows whether the
        surrogate knows more than that scores rose, and is not what a surrogate is refused by.
    ceiling: the correlation that a perfect model would reach; `ceiling_by` says from what.
    """

    n_images: int
    images: float
    generations: float
    within: float
    ceiling: float | None
    ceiling_by: str

    @property
    def normalised(self) -> float:
        """The lower correlation, in parts of the ceiling; of 1 where that is not known."""
        return min(self.images, self.generations) / (self.ceiling or 1.0)

    @property
    def suffices(self) -> bool:
        """Whether a counterfactual on this surrogate means anything."""
        return self.n_images >= FEWEST_IMAGES and self.normalised >= LEAST


@dataclass(frozen=True, eq=False)
class Ridge:
    """A fitted regression on one set of features; prediction is mean + z @ weights."""

    kind: str
    shrinkage: float
    mean: Floats
    scale: Floats
    offset: float
    weights: Floats
    basis: Floats
    """(f, f), such that the squared norm of `z @ basis` is how far out an image lies."""

    def predict(self, found: dict[str, Features]) -> Floats:
        """Return predicted scores (n,)."""
        predicted: Floats = self.offset + self._z(found) @ self.weights
        return predicted

    def distance(self, found: dict[str, Features]) -> Floats:
        """Return how far out images lie (n,): their leverage."""
        distance: Floats = ((self._z(found) @ self.basis) ** 2).sum(axis=1)
        return distance

    def _z(self, found: dict[str, Features]) -> Features:
        z: Features = (found[self.kind] - self.mean) / self.scale
        return z


@dataclass(frozen=True, eq=False)
class Surrogate:
    """A neuron that answers images, between nothing and the highest score of the log."""

    ridge: Ridge
    lowest: float
    highest: float
    far: float
    noise_per_hz: float

    def rates(self, images: Images) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """Return scores without noise (n,), and whether each image is an extrapolation (n,)."""
        found = features(images)
        rates = np.clip(self.ridge.predict(found), self.lowest, self.highest)
        return rates, self.ridge.distance(found) > self.far

    def noisy(self, rates: Floats, rng: np.random.Generator) -> Floats:
        """Return what is heard of such scores, with the noise of the log."""
        sigma = np.sqrt(self.noise_per_hz * np.maximum(rates, 0.0))
        heard: Floats = rates + sigma * rng.standard_normal(len(rates))
        return heard


def fit(images: Images, scores: Floats, noise_per_hz: float) -> Surrogate:
    """Fit a surrogate to images (n, h, w, 3) and their scores (n,)."""
    found = features(images)
    kind, shrinkage = _chosen(found, scores, _random_folds(len(scores), N_FOLDS))
    ridge = _fitted(found, scores, kind, (shrinkage,))[0]
    # How far out each would have been, had it not been fitted itself.
    leverage = ridge.distance(found)
    away = leverage / np.maximum(1.0 - leverage, 1e-9)
    return Surrogate(
        ridge=ridge,
        lowest=min(0.0, float(scores.min())),
        highest=float(scores.max()),
        far=float(np.quantile(away, FAR)),
        noise_per_hz=noise_per_hz,
    )


def predictivity(
    images: Images, scores: Floats, generation: Ints, noise_per_hz: float | None, noise_by: str
) -> Predictivity:
    """Cross-validate a surrogate; `noise_per_hz` is the variance of a score for each spike/s."""
    found = features(images)
    by_image = _held_out(found, scores, _random_folds(len(scores), N_FOLDS))
    numbers = np.unique(generation)
    parts = np.array_split(numbers, min(N_FOLDS, len(numbers)))
    of_generation = np.searchsorted([part[0] for part in parts], generation, side="right") - 1
    by_generation = _held_out(found, scores, of_generation) if len(parts) > 1 else by_image * np.nan
    ceiling = None
    if noise_per_hz is not None:
        total = float(scores.var())
        noise = noise_per_hz * float(np.maximum(scores, 0).mean())
        ceiling = float(np.sqrt(max(total - noise, 0.0) / total)) if total > 0 else None
    return Predictivity(
        n_images=len(scores),
        images=_correlation(by_image, scores),
        generations=_correlation(by_generation, scores),
        within=_correlation(_centred(by_image, generation), _centred(scores, generation)),
        ceiling=ceiling or None,
        ceiling_by=noise_by,
    )


def _centred(values: Floats, generation: Ints) -> Floats:
    _, place = np.unique(generation, return_inverse=True)
    centred: Floats = values - (np.bincount(place, values) / np.bincount(place))[place]
    return centred


def _correlation(predicted: Floats, scores: Floats) -> float:
    if not np.isfinite(predicted).all() or predicted.std() == 0 or scores.std() == 0:
        return 0.0
    return float(np.corrcoef(predicted, scores)[0, 1])


def _held_out(found: dict[str, Features], scores: Floats, folds: Ints) -> Floats:
    """Return the prediction of each score (n,) by a surrogate that knew nothing of its fold."""
    predicted = np.zeros(len(scores))
    for train, test in _splits(folds):
        known = _rows(found, train)
        kind, shrinkage = _chosen(known, scores[train], _inner(folds[train]))
        (ridge,) = _fitted(known, scores[train], kind, (shrinkage,))
        predicted[test] = ridge.predict(_rows(found, test))
    return predicted


def _inner(folds: Ints) -> Ints:
    """Return folds within a training set: its own outer ones, so that groups stay together."""
    return np.searchsorted(np.unique(folds), folds) % N_INNER_FOLDS


def _chosen(found: dict[str, Features], scores: Floats, folds: Ints) -> tuple[str, float]:
    """Return the features and the shrinkage with the smallest error on held-out folds."""
    errors: dict[tuple[str, float], float] = {}
    for train, test in _splits(folds):
        for kind in SETS:
            fits = _fitted(_rows(found, train), scores[train], kind, SHRINKAGES)
            for ridge in fits:
                error = ridge.predict(_rows(found, test)) - scores[test]
                key = (kind, ridge.shrinkage)
                errors[key] = errors.get(key, 0.0) + float((error**2).sum())
    # With one fold there is nothing to choose by.
    return min(errors, key=lambda key: errors[key]) if errors else ("pixels", SHRINKAGES[-1])


def _fitted(
    found: dict[str, Features], scores: Floats, kind: str, shrinkages: tuple[float, ...]
) -> list[Ridge]:
    rows = found[kind]
    mean, scale = rows.mean(axis=0), rows.std(axis=0)
    scale = np.where(scale > 1e-9, scale, 1.0)
    z, offset = (rows - mean) / scale, float(scores.mean())
    values, vectors = np.linalg.eigh(z.T @ z)
    projected = vectors.T @ (z.T @ (scores - offset))
    values = np.maximum(values, 0.0)
    return [
        Ridge(
            kind=kind,
            shrinkage=shrinkage,
            mean=mean,
            scale=scale,
            offset=offset,
            weights=vectors @ (projected / (values + shrinkage)),
            basis=vectors / np.sqrt(values + shrinkage),
        )
        for shrinkage in shrinkages
    ]


def _rows(found: dict[str, Features], rows: npt.NDArray[np.bool_]) -> dict[str, Features]:
    return {kind: table[rows] for kind, table in found.items()}


def _splits(folds: Ints) -> Iterator[tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]]:
    numbers = np.unique(folds)
    for number in numbers if len(numbers) > 1 else ():
        yield folds != number, folds == number


def _random_folds(n: int, n_folds: int) -> Ints:
    return np.random.default_rng(0).permutation(n) % n_folds
