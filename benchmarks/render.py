"""How fast each generator renders, beside the plain forward pass of the same network in torch.

For each generator, in a process of its own: milliseconds for each image at batches of 1, 10 and 40
(codes to bytes), the same for torch's plain forward pass (no bytes made) and the ratio of the two;
how soon the first of 40 images is ready, as a multiple of one plain forward pass of one image; the
most memory that the process took; and by how many levels, at most, pixels differ. Weights are
random where they cannot be shipped: they take the same time.

    .venv/bin/python benchmarks/render.py [KIND …] [--threads 2] [--device cpu]

Measurements of the two take turns, so that a busy machine is busy for both; medians are printed.
"""

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from generators.base import Generator, render_stream
from generators.differentiable import Differentiable
from generators.network import NetworkGenerator
from generators.registry import kinds
from generators.settings import WeightsSettings

KINDS = ("deepsim_fc6", "biggan_deep_256", "embedded", "gaussian")
BATCHES = (1, 10, 40)
ROUNDS = 5
NEEDS: dict[str, dict[str, object]] = {
    "biggan_deep_256": {"truncation": 0.7},
    "stylegan2": {"image_size_px": 256, "space": "z", "truncation": 0.7},
}
"""Settings without a default."""


def built(kind: str, device: str) -> Generator:
    """Return the generator, with random weights where it needs a file."""
    settings = kinds()[kind]
    keys = {"kind": kind, **NEEDS.get(kind, {})}
    if "device" in settings.model_fields:
        keys["device"] = device
    if issubclass(settings, WeightsSettings):
        keys["weights"] = "random"
    return settings.model_validate(keys).build()


def plain_forward(generator: Generator) -> Callable[[Tensor], Tensor]:
    """Return the network as torch computes it by itself: plain layers, plain memory format."""
    if not isinstance(generator, NetworkGenerator):
        assert isinstance(generator, Differentiable)
        return generator.torch_pixels
    network = generator.network.unprepared()
    for parameter in network.parameters():
        parameter.data = parameter.data.contiguous()
    return network


def seconds(work: Callable[[], object], device: str) -> float:
    """Return how long one call takes."""
    before_s = time.perf_counter()
    work()
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter() - before_s


def peak_mb(device: str) -> float:
    """Return the most memory so far: of the process, or on the graphics card."""
    if device != "cpu":
        return torch.cuda.max_memory_allocated() / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def measure(kind: str, device: str) -> None:
    """Print the rows of one generator."""
    generator = built(kind, device)
    codes = generator.initial_codes(max(BATCHES), np.random.default_rng(1))
    generator.render(codes)
    took_mb = peak_mb(device)
    on_device = torch.from_numpy(codes).to(device)
    eager = plain_forward(generator)
    single_s: list[float] = []
    first_s: list[float] = []
    with torch.inference_mode():
        for n in BATCHES:
            ours_s, eager_s = [], []
            for turn in range(ROUNDS + 1):
                eager_s.append(seconds(lambda n=n: eager(on_device[:n]), device))
                ours_s.append(seconds(lambda n=n: generator.render(codes[:n]), device))
                stream = render_stream(generator, codes, [1] * len(codes))
                first_s.append(seconds(lambda stream=stream: next(stream), device))
                if turn == 0:
                    ours_s.clear(), eager_s.clear(), first_s.clear()
            ours, plain = np.median(ours_s), np.median(eager_s)
            single_s += [float(plain)] if n == 1 else []
            print(
                f"{generator.name:<28} {n:>4}  {1e3 * ours / n:9.2f} {1e3 * plain / n:9.2f} "
                f"{plain / ours:6.2f} x"
            )
        first = float(np.median(first_s))
        levels = (255 * eager(on_device).clamp(0, 1)).round().permute(0, 2, 3, 1).cpu().numpy()
    off = np.abs(levels - generator.render(codes)).max()
    print(
        f"{'':<28} first of 40: {1e3 * first:.2f} ms, {first / single_s[0]:.2f} of a plain forward "
        f"pass; at most {off:.0f} levels apart; {took_mb:.0f} MB"
    )


def main() -> None:
    """Measure each generator in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="*", metavar="KIND")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    if chosen.here:
        measure(chosen.kinds[0], chosen.device)
        return
    print(f"torch {torch.__version__}, {chosen.threads} threads, {chosen.device}")
    print(f"{'generator':<28} {'batch':>5} {'ms/image':>9} {'eager':>9} {'ratio':>8}", flush=True)
    for kind in chosen.kinds or [kind for kind in KINDS if kind in kinds()]:
        again = [sys.executable, __file__, kind, "--here", "--device", chosen.device]
        subprocess.run([*again, "--threads", str(chosen.threads)], check=True)


if __name__ == "__main__":
    main()
