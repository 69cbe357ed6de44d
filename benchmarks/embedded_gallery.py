"""Do evolutions find what neurons prefer? Six neurons with known preferences, two generators.

Every neuron evolves through the embedded network and through the linear Gaussian generator with as
many numbers in a code, with the same optimizer (Cholesky CMA-ES), the same noise of counting spikes
and the same number of images. The picture
that is written has a column for each neuron: what it prefers, the best of the first generation
through the embedded network, and the best of each evolution's last, as the neuron sees them and
with the rate that each really evokes, without the noise.

    .venv/bin/python benchmarks/embedded_gallery.py [--generations 75] [--target FILE.jpg]

A few minutes on one core.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from controller.optimizers.cma.cholesky import CholeskyCmaEs, CholeskyCmaEsOptions
from generators.base import Generator
from generators.embedded.generator import EmbeddedGenerator
from generators.gaussian import GaussianGenerator
from generators.testing.known_neurons import KnownNeuron, known_neurons

TARGET = Path(__file__).resolve().parents[1] / "docs" / "images" / "embedded_recovered.jpg"
POPULATION, COUNTED_S, SEED = 40, 1.0, 20261123
FIRST_STEP = 0.64
"""Of the deviation of a code's elements: as 3.0 is with fc6."""
ROWS = ("preferred", "first generation", "embedded network", "linear Gaussian")


@dataclass(frozen=True, eq=False)
class Evolution:
    """The best image ``(h, w, 3)`` of the first and of the last generation, and its true rate."""

    first: NDArray[np.uint8]
    first_hz: float
    last: NDArray[np.uint8]
    last_hz: float


def evolve(neuron: KnownNeuron, generator: Generator, generations: int, seed: int) -> Evolution:
    """Evolve images for one neuron, whose spikes are counted for `COUNTED_S` with each image."""
    rng = np.random.default_rng(seed)
    deviation = generator.norm_hint / np.sqrt(generator.code_dim)
    options = CholeskyCmaEsOptions(population_size=POPULATION, sigma0=FIRST_STEP * deviation)
    optimizer = CholeskyCmaEs(generator.initial_codes(POPULATION, rng), options)
    best: list[tuple[NDArray[np.uint8], float]] = []
    first_id = 0
    for _ in range(generations):
        asked = optimizer.ask(rng, first_id)
        first_id += len(asked.ids)
        images = generator.render(asked.codes)
        scores = neuron.spikes_per_s(images, COUNTED_S, rng)
        optimizer.tell(asked.ids, asked.codes, scores, np.ones(len(scores), np.int64))
        true_hz = neuron.rate_hz(images)
        best.append((images[int(np.argmax(true_hz))], float(true_hz.max())))
    return Evolution(*best[0], *best[-1])


def drawn(
    neurons: tuple[KnownNeuron, ...],
    embedded: list[Evolution],
    gaussian: list[Evolution],
    path: Path,
) -> None:
    """Write the figure."""
    figure = Figure(figsize=(2.0 * len(neurons) + 1.0, 9.0), layout="constrained")
    axes = figure.subplots(len(ROWS), len(neurons))
    for column, (neuron, one, other) in enumerate(zip(neurons, embedded, gaussian, strict=True)):
        preferred = np.rint(255 * neuron.preferred).astype(np.uint8)
        shown = (
            (preferred, float(neuron.rate_hz(preferred[None])[0])),
            (one.first, one.first_hz),
            (one.last, one.last_hz),
            (other.last, other.last_hz),
        )
        for axis, (image, rate_hz) in zip(axes[:, column], shown, strict=True):
            axis.imshow(neuron.shown(image[None])[0])
            axis.set_xticks([])
            axis.set_yticks([])
            axis.set_xlabel(f"{rate_hz:.0f} sp/s")
        axes[0, column].set_title(neuron.name)
    for axis, row in zip(axes[:, 0], ROWS, strict=True):
        axis.set_ylabel(row)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=80, pil_kwargs={"quality": 92})


def main() -> None:
    """Evolve all, print rates, write the figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--generations", type=int, default=75)
    parser.add_argument("--target", type=Path, default=TARGET)
    asked = parser.parse_args()
    neurons = known_neurons()
    found: dict[str, list[Evolution]] = {}
    embedded = EmbeddedGenerator()
    gaussian = GaussianGenerator(code_dim=embedded.code_dim)
    for name, generator in (("embedded", embedded), ("gaussian", gaussian)):
        found[name] = []
        for number, neuron in enumerate(neurons):
            evolution = evolve(neuron, generator, asked.generations, SEED + number)
            found[name].append(evolution)
            print(
                f"{name:9} {neuron.name:10} first generation's best {evolution.first_hz:5.1f}, "
                f"last one's {evolution.last_hz:5.1f} sp/s",
                flush=True,
            )
    drawn(neurons, found["embedded"], found["gaussian"], asked.target)


if __name__ == "__main__":
    main()
