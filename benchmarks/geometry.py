"""Numbers that the geometry of generators must come to, and what they cost.

    .venv/bin/python benchmarks/geometry.py            everything, on the small decoder
    .venv/bin/python benchmarks/geometry.py --fit      trains the small decoder anew (half a minute)
    .venv/bin/python benchmarks/geometry.py --generator embedded --codes 4
                                                       compares another network with its controls

The small decoder turns 16 numbers into grey pictures of 16 pixels, each one blob or Gabor patch. It
was trained as a variational autoencoder by `--fit`, with seeds fixed, and its weights lie beside
the tests that use them. The smooth one is drawn at random and has no kinks: finite differences see
the kinks of the small one, where one of its few units goes on or off within a step.

What is compared: products with the metric in three ways, finite differences by step, Lanczos'
method, and the small decoder trained, untrained and shuffled.
"""

import argparse
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from controller.generator_tools.sources import settings_of
from generators.geometry.controls import Comparison, compare
from generators.geometry.decoder import Decoder
from generators.geometry.distances import PixelDistance, PyramidDistance
from generators.geometry.metric import all_axes, full_matrix, top_axes
from generators.geometry.products import Products
from generators.geometry.spectrum import SHARES
from generators.network import NetworkGenerator

CODE_DIM, SIZE_PX, WIDTH, N_HIDDEN, SLOPE = 16, 16, 96, 3, 0.15
N_PICTURES, N_STEPS, BATCH, NOISE = 8000, 6000, 64, 0.05
WEIGHTS = (
    Path(__file__).parents[1] / "tests" / "generators" / "geometry" / "data" / "tiny_decoder.npz"
)
STEPS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)


class Grey(nn.Module):
    """Numbers ``(n, pixels)`` as pictures ``(n, 3, h, w)`` without colour."""

    def forward(self, values: Tensor) -> Tensor:
        """Put a row of numbers into the shape of a picture."""
        return values.view(len(values), 1, SIZE_PX, SIZE_PX).expand(-1, 3, -1, -1)


def decoder() -> nn.Sequential:
    """Return the small network, untrained."""
    widths = [CODE_DIM, *[WIDTH] * N_HIDDEN]
    hidden: list[nn.Module] = []
    for n_in, n_out in pairwise(widths):
        hidden += [nn.Linear(n_in, n_out), nn.LeakyReLU(SLOPE)]
    return nn.Sequential(*hidden, nn.Linear(WIDTH, SIZE_PX**2), nn.Sigmoid(), Grey())


def smooth_decoder() -> nn.Sequential:
    """Return an untrained network without kinks, which a falling weight of its genes stretches."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = decoder()
    for index, module in enumerate(network):
        if isinstance(module, nn.LeakyReLU):
            network[index] = nn.SiLU()
    with torch.no_grad():
        network[0].weight *= torch.logspace(0.7, -1.0, CODE_DIM)
    return network


def trained_decoder() -> nn.Sequential:
    """Return the small network with the weights that lie beside the tests."""
    network = decoder()
    with np.load(WEIGHTS, allow_pickle=False) as file:
        state = {name: torch.from_numpy(file[name].astype(np.float32)) for name in file.files}
    network.load_state_dict(state)
    return network


def pictures(n: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Blobs and Gabor patches ``(n, SIZE_PX²)``, about 0..1."""
    down, across = np.mgrid[0:SIZE_PX, 0:SIZE_PX] / SIZE_PX - 0.5
    found = np.empty((n, SIZE_PX, SIZE_PX), np.float32)
    for index in range(n):
        x, y = across - rng.uniform(-0.3, 0.3), down - rng.uniform(-0.3, 0.3)
        shape = np.exp(-(x**2 + y**2) / 2 / rng.uniform(0.1, 0.25) ** 2)
        if rng.random() < 0.5:
            angle, phase = rng.uniform(0, np.pi), rng.uniform(0, 2 * np.pi)
            along = across * np.cos(angle) + down * np.sin(angle)
            shape = shape * np.cos(2 * np.pi * rng.uniform(1.5, 4) * along + phase)
        contrast = 0.25 * rng.choice([-1, 1]) + 0.1 * rng.standard_normal()
        found[index] = 0.5 + 0.05 * rng.standard_normal() + contrast * shape
    return found.reshape(n, -1)


def fit() -> None:
    """Train the small decoder and write its weights."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network, n = decoder(), SIZE_PX**2
        encoder = nn.Sequential(
            nn.Linear(n, 128), nn.LeakyReLU(0.2),
            nn.Linear(128, 128), nn.LeakyReLU(0.2),
            nn.Linear(128, 2 * CODE_DIM),
        )  # fmt: skip
        seen = torch.from_numpy(pictures(N_PICTURES, np.random.default_rng(0)))
        adam = torch.optim.Adam([*encoder.parameters(), *network.parameters()], 2e-3)
        for step in range(N_STEPS):
            adam.param_groups[0]["lr"] = 2e-3 * (1 - step / N_STEPS) + 1e-5
            batch = seen[torch.randint(len(seen), (BATCH,))]
            mean, log_variance = encoder(batch).chunk(2, dim=1)
            codes = mean + (0.5 * log_variance).exp() * torch.randn(mean.shape)
            off = network(codes)[:, 0].flatten(1) - batch
            divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1)
            loss = (off.square().sum(dim=1) / (2 * NOISE**2) + divergence).mean()
            adam.zero_grad()
            loss.backward()
            adam.step()
            if step % 1000 == 0 or step == N_STEPS - 1:
                rms = float(off.detach().square().mean().sqrt())
                print(f"step {step}: off by {rms:.4f} (root mean square), loss {loss.item():.1f}")
    WEIGHTS.parent.mkdir(exist_ok=True)
    arrays = {k: v.detach().numpy().astype(np.float16) for k, v in network.state_dict().items()}
    np.savez_compressed(WEIGHTS, allow_pickle=False, **arrays)
    print(f"{WEIGHTS}: {WEIGHTS.stat().st_size / 1000:.0f} kB")


def comparison(n_codes: int = 10) -> Comparison:
    """Compare the small decoder with its controls."""
    rng = np.random.default_rng(3)
    network = trained_decoder()
    return compare(network, CODE_DIM, CODE_DIM**0.5, PixelDistance(), rng, n_codes)


def compare_other(source: str, n_codes: int) -> None:
    """Compare the network of a generator with its controls, by the default distance."""
    generator = settings_of(source).build()
    if not isinstance(generator, NetworkGenerator):
        raise SystemExit(f"{source} is no network")
    print(f"{generator.name}: {generator.provenance}")
    rng = np.random.default_rng(3)
    begin_s = time.perf_counter()
    found = compare(
        generator.network, generator.code_dim, generator.norm_hint, PyramidDistance(), rng, n_codes
    )
    print_comparison(found)
    print(f"{n_codes} codes, {time.perf_counter() - begin_s:.0f} s")


def print_products(generator: Decoder) -> None:
    """Print how far each way of taking products is from the matrix, at five codes."""
    codes = generator.initial_codes(5, np.random.default_rng(5))
    exact = [full_matrix(Products(generator, PixelDistance(), "jacobian"), code) for code in codes]
    vectors = np.random.default_rng(6).standard_normal(codes.shape)
    wanted = np.stack([matrix @ vector for matrix, vector in zip(exact, vectors, strict=True)])

    def off(products: Products) -> float:
        found = products.of(codes, vectors)
        return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))

    print("Relative error of products with the metric:")
    print(f"  second derivative  {off(Products(generator, PixelDistance(), 'second')):.1e}")
    for step in STEPS:
        products = Products(generator, PixelDistance(), "differences", step)
        print(f"  differences, relative step {step:.0e}  {off(products):.1e}")
    for route in ("jacobian", "differences"):
        begin_s = time.perf_counter()
        top = top_axes(Products(generator, PixelDistance(), route), codes[:1], 5)
        took_s = time.perf_counter() - begin_s
        values = all_axes(exact[0]).values[:5]
        error = np.abs(top.values / values - 1).max()
        print(f"  Lanczos, top 5 by {route}: eigenvalues off by {error:.1e}, {took_s:.2f} s")


def print_comparison(found: Comparison) -> None:
    """Print anisotropy and homogeneity of a network and its controls."""
    shares = "/".join(f"{100 * share:g}" for share in SHARES)
    print(f"Directions that hold {shares} %, and homogeneity:")
    for name, dims in found.dims().items():
        how_alike = getattr(found, name).homogeneity
        counts = "/".join(map(str, dims))
        print(f"  {name:10} {counts:14} log {how_alike.log:.3f}  linear {how_alike.linear:.3f}")


def main() -> None:
    """Print it all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fit", action="store_true", help="train the small decoder anew first")
    parser.add_argument("--generator", help="as `neuroloop generator describe` takes it")
    parser.add_argument("--codes", type=int, default=4, help="reference codes for --generator")
    asked = parser.parse_args()
    if asked.generator:
        compare_other(asked.generator, asked.codes)
        return
    if asked.fit:
        fit()
    for name, network in (("small", trained_decoder()), ("smooth", smooth_decoder())):
        print(f"The {name} decoder")
        print_products(Decoder(network, CODE_DIM, CODE_DIM**0.5, name))
    print_comparison(comparison())


if __name__ == "__main__":
    main()
