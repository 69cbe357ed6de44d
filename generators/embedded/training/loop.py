"""The training itself: its stages, a checkpoint that goes on where it ended, and what it tells.

First encoder and decoder learn to keep pictures; how much a code may tell is held at a fixed
number of nats, so that codes of pictures stay near the prior. Then an adversary joins, which sees
decoded pictures and pictures of random codes. What is shipped is a running mean of the decoder.
Step sizes are constant within a stage: a recipe with fewer steps is the beginning of one with more.
"""

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from generators.embedded.network import SKETCH_PX, Decoder, DecoderShape
from generators.embedded.training.losses import (
    difference,
    divergence,
    feature_difference,
    hinge,
    persuasion,
)
from generators.embedded.training.networks import Adversary, Encoder

_N_FOR_COMPONENTS = 4096
_LEAST_DEVIATION = 1e-3
_DEVIATION_PER_MEDIAN = 1.4826
"""Of a normal distribution."""


@dataclass(frozen=True)
class Stage:
    """A part of the training.

    Attributes:
        steps: how many.
        rate: step size of Adam, of the adversary as well.
        nats: what codes may tell of a picture.
        features: weight of the difference in the adversary's eyes; that of pixels counts 1.
        kept, imagined: weights of its verdict on decoded pictures and on those of random codes.

    """

    steps: int
    rate: float
    nats: float
    features: float = 0.0
    kept: float = 0.0
    imagined: float = 0.0

    @property
    def is_quiet(self) -> bool:
        """Whether there is no adversary yet."""
        return not (self.features or self.kept or self.imagined)


STAGES = (
    Stage(400, rate=6e-4, nats=350.0),
    Stage(1100, rate=3e-4, nats=350.0, features=1.0, kept=0.25, imagined=0.5),
    Stage(4500, rate=3e-4, nats=450.0, features=1.5, kept=0.0, imagined=0.3),
)


@dataclass(frozen=True)
class Recipe:
    """Everything that the weights follow from, beside the code.

    Attributes:
        n_pictures, seed: what is painted.
        shape, adversary_widths: sizes of the networks.
        batch: pictures per step, and as many random codes.
        stages: one after the other.
        memory: share of the running mean that a step leaves.

    """

    n_pictures: int = 16384
    seed: int = 20261123
    shape: DecoderShape = field(default_factory=DecoderShape)
    adversary_widths: tuple[int, ...] = (24, 64, 128, 192)
    batch: int = 12
    stages: tuple[Stage, ...] = STAGES
    memory: float = 0.998

    @property
    def steps(self) -> int:
        """Of all stages."""
        return sum(stage.steps for stage in self.stages)

    def stage_at(self, step: int) -> Stage:
        """Return the stage that a step, counted from 0, belongs to; the last one has no end."""
        for stage in self.stages:
            if step < stage.steps:
                return stage
            step -= stage.steps
        return self.stages[-1]


class Training:
    """Networks, optimizers and the step number; all of it goes into a checkpoint.

    Args:
        recipe: what to do.
        pictures: ``(n, h, w, 3)`` uint8.

    """

    def __init__(self, recipe: Recipe, pictures: NDArray[np.uint8]) -> None:
        self.recipe, self._pictures, self.step = recipe, pictures, 0
        drawn = torch.Generator().manual_seed(recipe.seed)
        self.encoder, self.decoder = Encoder(recipe.shape), Decoder(recipe.shape)
        # What limits its slope starts from a vector that torch draws by its global randomness.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            self.adversary = Adversary(recipe.adversary_widths)
        for network in (self.encoder, self.decoder, self.adversary):
            _draw(network, drawn)
            # torch's types leave this one out.
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        _start_from_components(self.encoder, self.decoder, pictures[:_N_FOR_COMPONENTS])
        self.mean_decoder = copy.deepcopy(self.decoder).requires_grad_(False)
        both = [*self.encoder.parameters(), *self.decoder.parameters()]
        both = [parameter for parameter in both if parameter.requires_grad]
        self._adam = torch.optim.Adam(both, betas=(0.5, 0.99), fused=True)
        self._rival_adam = torch.optim.Adam(
            self.adversary.parameters(), betas=(0.5, 0.99), fused=True
        )
        self._log_price = math.log(2e-4)

    def advance(self) -> dict[str, float]:
        """Take one step and return its losses."""
        with torch.autocast("cpu", torch.bfloat16):
            stage = self.recipe.stage_at(self.step)
            told = self._quiet_step(stage) if stage.is_quiet else self._rival_step(stage)
        self.step += 1
        kept = min(self.recipe.memory, (1.0 + self.step) / (10.0 + self.step))
        with torch.no_grad():
            means, parameters = self.mean_decoder.parameters(), self.decoder.parameters()
            torch._foreach_lerp_(list(means), list(parameters), 1.0 - kept)
        return told

    def _batch(self) -> tuple[Tensor, torch.Generator]:
        """Pictures of this step, half of them mirrored, and the step's own randomness."""
        rng = np.random.default_rng([self.recipe.seed, self.step])
        rows = np.sort(rng.choice(len(self._pictures), self.recipe.batch, replace=False))
        chosen = self._pictures[rows]
        mirrored = rng.random(len(rows)) < 0.5
        chosen[mirrored] = chosen[mirrored, :, ::-1]
        scaled = torch.from_numpy(chosen).permute(0, 3, 1, 2).float() / 127.5 - 1.0
        return scaled, torch.Generator().manual_seed(int(rng.integers(2**62)))

    def _kept(self, pictures: Tensor, drawn: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Return decoded pictures, their difference and what their codes tell."""
        mean, log_variance = self.encoder(pictures)
        spread = torch.randn(mean.shape, generator=drawn) * (0.5 * log_variance).exp()
        decoded = self.decoder(mean + spread)
        return decoded, difference(decoded, pictures), divergence(mean, log_variance)

    def _priced(self, nats: Tensor, allowed: float) -> Tensor:
        """Price of nats, which rises while codes tell more than they may."""
        excess = math.log(max(float(nats.detach()), 1.0) / allowed)
        self._log_price += 0.01 * max(-1.0, min(1.0, excess))
        return math.exp(self._log_price) * nats

    def _quiet_step(self, stage: Stage) -> dict[str, float]:
        pictures, drawn = self._batch()
        _, off, nats = self._kept(pictures, drawn)
        self._descend(self._adam, off + self._priced(nats, stage.nats), stage.rate)
        return {
            "difference": float(off.detach()),
            "nats": float(nats.detach()),
            "price": math.exp(self._log_price),
        }

    def _rival_step(self, stage: Stage) -> dict[str, float]:
        recipe = self.recipe
        pictures, drawn = self._batch()
        decoded, off, nats = self._kept(pictures, drawn)
        codes = torch.randn((recipe.batch, recipe.shape.code_dim), generator=drawn)
        imagined = self.decoder(codes)

        real, _ = self.adversary(pictures)
        kept, _ = self.adversary(decoded.detach())
        free, _ = self.adversary(imagined.detach())
        fault = hinge(real, 1.0) + 0.5 * hinge(kept, -1.0) + 0.5 * hinge(free, -1.0)
        self._descend(self._rival_adam, fault, stage.rate)

        self.adversary.requires_grad_(False)
        with torch.no_grad():
            _, wanted = self.adversary(pictures)
        kept, features = self.adversary(decoded)
        free, _ = self.adversary(imagined)
        seen = feature_difference(features, wanted)
        wish = stage.kept * persuasion(kept) + stage.imagined * persuasion(free)
        loss = off + stage.features * seen + wish + self._priced(nats, stage.nats)
        self._descend(self._adam, loss, stage.rate)
        self.adversary.requires_grad_(True)
        return {
            "difference": float(off.detach()),
            "nats": float(nats.detach()),
            "price": math.exp(self._log_price),
            "features": float(seen.detach()),
            "adversary": float(fault.detach()),
            "painted": float(real[0].detach().mean()),
            "imagined": float(free[0].detach().mean()),
        }

    def _descend(self, adam: torch.optim.Adam, loss: Tensor, rate: float) -> None:
        for group in adam.param_groups:
            group["lr"] = rate * min(1.0, (1 + self.step) / 100)
        adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch has no type for it
        parameters = [p for group in adam.param_groups for p in group["params"]]
        nn.utils.clip_grad_norm_(parameters, 5.0)
        adam.step()

    def save(self, path: Path) -> None:
        """Write a checkpoint, whole or not at all."""
        state = {name: part.state_dict() for name, part in self._parts().items()}
        beside = path.with_suffix(".part")
        torch.save(state | {"step": self.step, "log_price": self._log_price}, beside)
        beside.rename(path)

    def load(self, path: Path) -> None:
        """Go on from a checkpoint of the same recipe."""
        state = torch.load(path, weights_only=True)
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        self.step, self._log_price = int(state["step"]), float(state["log_price"])

    def _parts(self) -> Mapping[str, nn.Module | torch.optim.Optimizer]:
        return {
            "encoder": self.encoder,
            "decoder": self.decoder,
            "mean_decoder": self.mean_decoder,
            "adversary": self.adversary,
            "adam": self._adam,
            "rival_adam": self._rival_adam,
        }


def _draw(network: nn.Module, drawn: torch.Generator) -> None:
    """Draw first values that keep the power of features; gains and shifts by codes start small."""
    for name, parameter in network.named_parameters():
        with torch.no_grad():
            if parameter.ndim < 2:
                parameter.zero_()
                continue
            fan_in = parameter[0].numel()
            scale = math.sqrt(2.0 / fan_in) * (0.2 if "styles" in name else 1.0)
            parameter.copy_(scale * torch.randn(parameter.shape, generator=drawn))


def _start_from_components(encoder: Encoder, decoder: Decoder, pictures: NDArray[np.uint8]) -> None:
    """Begin with the principal components of small pictures as code; the sketch stays so.

    A component counts in units of what it is in the pictures in between (the median of its size),
    not of its deviation, which the few pictures full of texture make large: random codes would all
    be as busy as those.
    """
    n, factor = len(pictures), pictures.shape[1] // SKETCH_PX
    blocks = pictures.reshape(n, SKETCH_PX, factor, SKETCH_PX, factor, 3)
    small = (blocks.mean(axis=(2, 4)) / 127.5 - 1.0).transpose(0, 3, 1, 2)
    rows = np.concatenate([small, small[..., ::-1]]).reshape(2 * n, -1)
    mean = rows.mean(axis=0)
    axes = np.linalg.eigh(np.cov(rows, rowvar=False))[1][:, ::-1][:, : decoder.shape.code_dim]
    sizes = np.median(np.abs((rows - mean) @ axes), axis=0) * _DEVIATION_PER_MEDIAN
    deviations = np.maximum(sizes, _LEAST_DEVIATION)
    with torch.no_grad():
        decoder.sketch.weight.copy_(torch.from_numpy(axes * deviations))
        decoder.sketch.bias.copy_(torch.from_numpy(mean))
        encoder.sketched.weight.copy_(torch.from_numpy(axes / deviations).T)
        encoder.sketched.bias.copy_(torch.from_numpy(-(mean @ axes) / deviations))
        encoder.last.weight.mul_(0.05)
        decoder.colour.weight.mul_(0.1)
    decoder.sketch.requires_grad_(False)
