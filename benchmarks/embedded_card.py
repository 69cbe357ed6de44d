"""Figures for the embedded network's page: random codes as pictures, and whether it memorises.

A generator that has learned pictures by heart gives images that lie far nearer to one of them than
to any other. The share of images whose nearest training picture is less than a third as far as the
second nearest is printed (Yoon et al. 2023), at 32 x 32 pixels, with mirrored
pictures counting as the same. That the check finds copies is checked on copies.

    .venv/bin/python benchmarks/embedded_card.py FOLDER    # where train_embedded_generator worked
"""

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from generators.embedded.generator import EmbeddedGenerator
from generators.embedded.training.sheets import sheet

TARGET = Path(__file__).resolve().parents[1] / "docs" / "images" / "embedded_samples.jpg"
N_IMAGES, SMALL_PX, SEED = 512, 32, 7


def shrunk(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Images ``(n, h, w, 3)`` as rows of `SMALL_PX` squared colours, ``(n, numbers)``."""
    n, size = len(images), images.shape[1]
    blocks = images.reshape(n, SMALL_PX, size // SMALL_PX, SMALL_PX, size // SMALL_PX, 3)
    rows: NDArray[np.float32] = blocks.mean(axis=(2, 4), dtype=np.float32).reshape(n, -1)
    return rows


def two_nearest(
    images: NDArray[np.uint8], pictures: NDArray[np.uint8]
) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Distances ``(n, 2)`` to the two nearest pictures, and which is the nearest ``(n,)``."""
    wanted = shrunk(images)
    squares = []
    for start in range(0, len(pictures), 1024):
        part = np.asarray(pictures[start : start + 1024])
        for seen in (part, part[:, :, ::-1]):
            rows = shrunk(seen)
            squares.append(
                (wanted**2).sum(axis=1)[:, None] + (rows**2).sum(axis=1) - 2 * wanted @ rows.T
            )
    by_picture = np.minimum(
        np.concatenate(squares[::2], axis=1), np.concatenate(squares[1::2], axis=1)
    )
    order = np.argpartition(by_picture, 1, axis=1)[:, :2]
    two = np.sqrt(np.maximum(np.take_along_axis(by_picture, order, axis=1), 0.0))
    nearest = np.where(two[:, 0] <= two[:, 1], order[:, 0], order[:, 1])
    return np.sort(two, axis=1), nearest


def main() -> None:
    """Write the sheet and print the shares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the pictures and the curves are")
    folder = parser.parse_args().folder
    pictures = np.load(next(folder.glob("pictures-*.npy")), mmap_mode="r")
    generator = EmbeddedGenerator()
    images = generator.render(generator.initial_codes(N_IMAGES, np.random.default_rng(SEED)))
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    sheet(images[:40]).save(TARGET, quality=92)

    distances, nearest = two_nearest(images, pictures)
    copied = (distances[:, 0] < distances[:, 1] / 3).mean()
    print(f"{generator.name}, weights {generator.weights_sha256}")
    print(f"images with a nearest picture below a third of the second nearest: {copied:.4f}")
    print(f"median ratio of the two distances: {np.median(distances[:, 0] / distances[:, 1]):.3f}")
    print(f"different nearest pictures among {N_IMAGES} images: {len(np.unique(nearest))}")
    itself, _ = two_nearest(np.asarray(pictures[:64]), pictures)
    assert (itself[:, 0] < itself[:, 1] / 3).mean() > 0.9, "the check finds no copies"
    steps = [json.loads(line) for line in (folder / "curves.jsonl").read_text().splitlines()]
    for one in steps:
        if one["step"] % 1000 == 0:
            told = "  ".join(f"{name} {value:.3f}" for name, value in one.items())
            print(told)
    print(f"training took {sum(one['step_s'] for one in steps) * 50 / 60:.0f} minutes")


if __name__ == "__main__":
    main()
