"""What the analytical head start changes in pictures of the embedded diffusion model, and saves.

For each number of skipped steps (of 18 of Heun's): the noise level at which the network takes over,
how often it is asked for one picture, how much time a picture takes as a share of the full
sampler's, and how far pictures are from those of the full sampler from the same codes, in levels
of 0..255: root mean square over all pixels, of the median picture, and of the worst. Beside them
the same for the full sampler with as many steps as are left, which costs as much, and for a head
start that knows the mean picture only.

    .venv/bin/python benchmarks/teleport.py [--codes 24] [--picture docs/images/teleport.png]

Times are those of one core, medians of rounds in which all skips take turns.
"""

import argparse
import time
from pathlib import Path

import matplotlib as mpl
import numpy as np
import torch
from numpy.typing import NDArray

from generators.diffusion.embedded import tiny_diffusion
from generators.diffusion.generator import DiffusionGenerator, Sampling
from generators.diffusion.head_start import GaussianModes
from generators.diffusion.schedule import edm_sigmas
from generators.images import to_uint8

mpl.use("agg")
from matplotlib import pyplot as plt

STEPS = 18
SKIPS = tuple(range(9))
ROWS = (11, 13, 19, 22, 14, 20, 5, 7)
"""Codes that are drawn: chosen among the 24 for heads, landscapes and objects to be there."""
ROUNDS = 7
FINE_STEPS = 200
SEED = 0


def generator(steps: int, skip: int = 0, *, mean_only: bool = False) -> DiffusionGenerator:
    """Return the embedded model with some of its steps in closed form."""
    tiny = tiny_diffusion(steps)
    known = tiny.ensemble
    if mean_only:
        known = GaussianModes(known.mean, known.modes[:0], known.variances[:0])
    return DiffusionGenerator(tiny.model, Sampling("heun", skip, known))


def painted(one: DiffusionGenerator, codes: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Images ``(n, 32, 32, 3)`` of all codes at a time, which is faster than one by one."""
    with torch.no_grad():
        pixels = one.torch_pixels(torch.from_numpy(codes)).permute(0, 2, 3, 1)
    images: NDArray[np.uint8] = to_uint8(pixels.numpy())
    return images


def off(images: NDArray[np.uint8], full: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Root mean square difference of each picture ``(n,)`` in levels."""
    squares = np.square(images.astype(float) - full).mean(axis=(1, 2, 3))
    each: NDArray[np.float64] = np.sqrt(squares)
    return each


def print_distances_from_the_end(codes: NDArray[np.float32]) -> None:
    """Print how far pictures are from where the ODE really ends, by ways that cost the same."""
    end = painted(generator(FINE_STEPS), codes)
    for skip in (0, 2, 4):
        ways = {"skipped": generator(STEPS, skip), "fewer steps": generator(STEPS - skip)}
        far = {
            way: float(np.sqrt((off(painted(one, codes), end) ** 2).mean()))
            for way, one in ways.items()
        }
        told = ", ".join(f"{way} {value:.2f}" for way, value in far.items())
        print(f"from the picture of {FINE_STEPS} steps, {skip} of {STEPS} saved: {told}")


def shares_of_time(generators: list[DiffusionGenerator]) -> list[float]:
    """Time that a picture takes, as a share of the first generator's."""
    code = generators[0].initial_codes(1, np.random.default_rng(SEED))
    took: list[list[float]] = [[] for _ in generators]
    for _ in range(ROUNDS):
        for one, times in zip(generators, took, strict=True):
            one.render(code)
            began = time.process_time()
            one.render(code)
            times.append(time.process_time() - began)
    medians = [float(np.median(times)) for times in took]
    print(f"one picture by the full sampler: {1e3 * medians[0]:.0f} ms of one core\n")
    return [median / medians[0] for median in medians]


def table(codes: NDArray[np.float32]) -> list[NDArray[np.uint8]]:
    """Print the table; return the pictures of each skip."""
    generators = [generator(STEPS, skip) for skip in SKIPS]
    shares = shares_of_time(generators)
    full = painted(generators[0], codes)
    print("| skip | noise left | calls | time | all | median | worst | fewer steps | mean only |")
    print("|---|---|---|---|---|---|---|---|---|")
    pictures = []
    for skip, one, share in zip(SKIPS, generators, shares, strict=True):
        images = painted(one, codes)
        pictures.append(images)
        each = off(images, full)
        others = [generator(STEPS - skip), generator(STEPS, skip, mean_only=True)]
        beside = [float(np.sqrt((off(painted(g, codes), full) ** 2).mean())) for g in others]
        cells = [f"{value:.2f}" for value in (np.sqrt((each**2).mean()), np.median(each))]
        cells += [f"{value:.2f}" for value in (each.max(), *beside)]
        left = edm_sigmas(STEPS)[skip]
        print(
            f"| {skip} | {left:.1f} | {one.network_calls} | {share:.2f} |", " | ".join(cells), "|"
        )
    return pictures


def draw(pictures: list[NDArray[np.uint8]], path: Path) -> None:
    """Write a picture: a row for each code, a column for each skip."""
    figure, axes = plt.subplots(
        len(ROWS), len(SKIPS), figsize=(len(SKIPS) * 0.9, len(ROWS) * 0.9 + 0.3)
    )
    for column, images in enumerate(pictures):
        for row, image in enumerate(images[list(ROWS)]):
            axes[row, column].imshow(image, interpolation="nearest")
            axes[row, column].set_axis_off()
        axes[0, column].set_title("full" if not column else f"skip {column}", fontsize=9)
    figure.subplots_adjust(left=0.01, right=0.99, bottom=0.01, top=0.94, wspace=0.05, hspace=0.05)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def main() -> None:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--codes", type=int, default=24)
    parser.add_argument("--picture", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    some = generator(STEPS)
    codes = some.initial_codes(arguments.codes, np.random.default_rng(SEED))
    pictures = table(codes)
    print_distances_from_the_end(codes)
    if arguments.picture:
        draw(pictures, arguments.picture)


if __name__ == "__main__":
    main()
