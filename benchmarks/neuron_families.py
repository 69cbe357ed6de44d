"""How the families of simulated neurons answer, and do evolutions climb them? Their calibration.

Each unit looks at random codes of the linear-Gaussian generator, at textures and at what it
prefers. Then images of the generator evolve for it, with Cholesky CMA-ES and the spikes of
single presentations, and once more with scores that are shuffled. A table is printed, and a picture
written that has a column for each kind: what its first unit prefers, an image of the first
generation, and the best of the last.

    .venv/bin/python benchmarks/neuron_families.py [--generations 50] [--target FILE.jpg]

Some minutes on one core. Units of networks have a page of their own.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from controller.optimizers.cma.cholesky import CholeskyCmaEs, CholeskyCmaEsOptions
from generators.base import Generator
from generators.gaussian import GaussianGenerator
from rig_adapters.sim.neurons.base import Neurons
from rig_adapters.sim.neurons.registry import build_neurons
from rig_adapters.sim.neurons.shape.patterns import textures
from rig_adapters.sim.settings import SimRigSettings

TARGET = Path(__file__).resolve().parents[1] / "docs" / "images" / "neuron_families.jpg"
FAMILIES: Mapping[str, Mapping[str, Any]] = {
    "shape": {"kind": "shape"},
    "subspace": {"kind": "subspace"},
    "linear_nonlinear": {"kind": "linear_nonlinear"},
    "linear_nonlinear, smooth": {"kind": "linear_nonlinear", "filter": "smooth"},
    "v1_complex": {"kind": "v1_complex"},
}
SEEDS = (1, 2, 3, 4)
POPULATION, COUNTED_S, FIRST_STEP = 40, 0.15, 3.0
Images = NDArray[np.uint8]


def neurons_of(table: Mapping[str, Any]) -> Neurons:
    """Return a unit of one family for each seed."""
    units = [{**table, "channel": seed, "seed": seed} for seed in SEEDS]
    return build_neurons(SimRigSettings.model_validate({"units": units}).units)


def evolve(
    neurons: Neurons, column: int, generator: Generator, generations: int, shuffled: bool
) -> tuple[float, Images]:
    """Return the mean rate of the last three generations, and the best image of the last."""
    rng = np.random.default_rng((SEEDS[column], int(shuffled)))
    options = CholeskyCmaEsOptions(population_size=POPULATION, sigma0=FIRST_STEP)
    first = np.zeros((1, generator.code_dim), np.float32)
    optimizer, means = CholeskyCmaEs(first, options), []
    for generation in range(generations):
        asked = optimizer.ask(rng, generation * POPULATION)
        images = generator.render(asked.codes)
        rates_hz = neurons.evoked_hz(images)[:, column]
        scores = rng.poisson(rates_hz * COUNTED_S) / COUNTED_S
        told = rng.permutation(scores) if shuffled else scores
        optimizer.tell(asked.ids, asked.codes, told, np.ones(len(told), np.int64))
        means.append(rates_hz.mean())
        best = images[int(np.argmax(rates_hz))]
    return float(np.mean(means[-3:])), best


def main() -> None:
    """Look and evolve, print the table, write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--generations", type=int, default=50)
    parser.add_argument("--target", type=Path, default=TARGET)
    asked = parser.parse_args()
    generator = GaussianGenerator(image_size_px=96)
    random = generator.render(generator.initial_codes(200, np.random.default_rng(1)))
    others = textures(200, np.random.default_rng(2))
    print("| kind | random codes | textures (highest) | preferred | evolved | shuffled |")
    columns = []
    for name, table in FAMILIES.items():
        neurons = neurons_of(table)
        preferred = [np.asarray(truth.preferred) for truth in neurons.truths]
        best_hz = np.diag(neurons.evoked_hz(np.stack(preferred)))
        found = [evolve(neurons, k, generator, asked.generations, False) for k in range(len(SEEDS))]
        drifted = [
            evolve(neurons, k, generator, asked.generations, True)[0] for k in range(len(SEEDS))
        ]
        seen, textured = neurons.evoked_hz(random), neurons.evoked_hz(others)
        evolved = np.mean([rate_hz for rate_hz, _ in found])
        print(
            f"| `{name}` | {seen.mean():.0f} | {textured.mean():.0f} ({textured.max():.0f}) "
            f"| {best_hz.mean():.0f} | {evolved:.0f} | {np.mean(drifted):.0f} |",
            flush=True,
        )
        columns.append((name, (preferred[0], random[0], found[0][1])))
    drawn(columns, asked.target)


def drawn(columns: list[tuple[str, tuple[Images, ...]]], path: Path) -> None:
    """Write the picture."""
    figure = Figure(figsize=(2.0 * len(columns) + 0.5, 6.4), layout="constrained")
    rows = ("preferred", "random code", "evolved")
    axes = figure.subplots(len(rows), len(columns))
    for column, (name, images) in enumerate(columns):
        for axis, image in zip(axes[:, column], images, strict=True):
            axis.imshow(image)
            axis.set_xticks([])
            axis.set_yticks([])
        axes[0, column].set_title(name.replace(", ", ",\n"), fontsize="medium")
    for axis, row in zip(axes[:, 0], rows, strict=True):
        axis.set_ylabel(row)
    figure.savefig(path, dpi=80, pil_kwargs={"quality": 92})


if __name__ == "__main__":
    main()
