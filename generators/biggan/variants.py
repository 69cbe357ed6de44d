"""The BigGAN-deep generators as a table: which blocks follow each other at each picture size.

Brock, Donahue & Simonyan 2019 (*Large scale GAN training for high fidelity natural image
synthesis*, ICLR), appendix B. A code is 128 numbers of noise and then the 128 numbers of a class
embedding; all of it goes into the first layer, and into the gain and offset of every normalisation.
The weights in circulation were converted by pytorch-pretrained-biggan, whose names and shapes
`Variant.shapes` gives (github.com/huggingface/pytorch-pretrained-BigGAN).

Left out: the shallower BigGAN, whose codes are cut into parts; and everything that needs torch.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from types import MappingProxyType

FIRST_MAP_PX = 4
"""Height and width of what the first layer gives."""
REDUCTION = 4
"""Within a block, channels are so many times fewer."""
NORM_EPSILON = 1e-4
"""Is added to each variance."""


@dataclass(frozen=True)
class Block:
    """A residual block: four normalisations and convolutions beside a shortcut.

    Attributes:
        n_in: channels of its input; the shortcut takes the first `n_out` of them.
        n_out: channels of its output.
        doubles: whether height and width double.

    """

    n_in: int
    n_out: int
    doubles: bool

    @property
    def n_middle(self) -> int:
        """Channels between its convolutions."""
        return self.n_in // REDUCTION

    @property
    def ends(self) -> tuple[tuple[int, int, int], ...]:
        """Inputs, outputs and kernel size of each convolution; a normalisation precedes it."""
        n = self.n_middle
        return ((self.n_in, n, 1), (n, n, 3), (n, n, 3), (n, self.n_out, 1))


@dataclass(frozen=True)
class Variant:
    """One generator of the family.

    Attributes:
        image_size_px: height and width of its pictures.
        blocks: from 4 x 4 upwards.
        attention_at: how many blocks precede the layer of self-attention.
        noise_dim: elements of the noise half of a code.
        class_dim: elements of the class half of a code.
        n_classes: classes with an embedding.
        n_truncations: truncations, evenly from 0 to 1, that have statistics of their own.

    """

    image_size_px: int
    blocks: tuple[Block, ...]
    attention_at: int = 8
    noise_dim: int = 128
    class_dim: int = 128
    n_classes: int = 1000
    n_truncations: int = 51

    @property
    def name(self) -> str:
        """What files and logs call it."""
        return f"biggan-deep-{self.image_size_px}"

    @property
    def kind(self) -> str:
        """What a config calls it."""
        return f"biggan_deep_{self.image_size_px}"

    @property
    def code_dim(self) -> int:
        """Elements of a code with both halves."""
        return self.noise_dim + self.class_dim

    @property
    def attention_channels(self) -> int:
        """Channels at the layer of self-attention."""
        return self.blocks[self.attention_at].n_in

    @property
    def layers(self) -> tuple[Block | None, ...]:
        """The blocks in the order of computation; None stands for the layer of self-attention."""
        return (*self.blocks[: self.attention_at], None, *self.blocks[self.attention_at :])

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Every tensor of a file and its shape, in the order of computation."""
        first, last = self.blocks[0].n_in, self.blocks[-1].n_out
        shapes: dict[str, tuple[int, ...]] = {
            "embeddings.weight": (self.class_dim, self.n_classes),
            **_normed("generator.gen_z", FIRST_MAP_PX**2 * first, self.code_dim),
        }
        for index, block in enumerate(self.layers):
            name = f"generator.layers.{index}"
            shapes |= self._of_attention(name) if block is None else self._of_block(name, block)
        shapes |= {"generator.bn.weight": (last,), "generator.bn.bias": (last,)}
        shapes |= self._statistics("generator.bn", last)
        return shapes | _normed("generator.conv_to_rgb", last, last, 3, 3)

    def _of_block(self, name: str, block: Block) -> dict[str, tuple[int, ...]]:
        shapes: dict[str, tuple[int, ...]] = {}
        for index, (n_in, n_out, kernel) in enumerate(block.ends):
            norm = f"{name}.bn_{index}"
            shapes |= _normed(f"{norm}.scale", n_in, self.code_dim, bias=False)
            shapes |= _normed(f"{norm}.offset", n_in, self.code_dim, bias=False)
            shapes |= self._statistics(norm, n_in)
            shapes |= _normed(f"{name}.conv_{index}", n_out, n_in, kernel, kernel)
        return shapes

    def _of_attention(self, name: str) -> dict[str, tuple[int, ...]]:
        n = self.attention_channels
        ends = {"theta": (n // 8, n), "phi": (n // 8, n), "g": (n // 2, n), "o_conv": (n, n // 2)}
        shapes: dict[str, tuple[int, ...]] = {f"{name}.gamma": (1,)}
        for part, (n_out, n_in) in ends.items():
            shapes |= _normed(f"{name}.snconv1x1_{part}", n_out, n_in, 1, 1, bias=False)
        return shapes

    def _statistics(self, name: str, n: int) -> dict[str, tuple[int, ...]]:
        rows = (self.n_truncations, n)
        return {f"{name}.running_means": rows, f"{name}.running_vars": rows}


def _normed(
    name: str, n_out: int, n_in: int, *kernel: int, bias: bool = True
) -> dict[str, tuple[int, ...]]:
    """Give the tensors of a layer with spectral normalisation, as torch keeps them."""
    shapes: dict[str, tuple[int, ...]] = {
        f"{name}.weight_orig": (n_out, n_in, *kernel),
        f"{name}.weight_u": (n_out,),
        f"{name}.weight_v": (n_in * prod(kernel),),
    }
    return shapes | ({f"{name}.bias": (n_out,)} if bias else {})


def _variant(image_size_px: int, widths: tuple[int, ...]) -> Variant:
    """Make a variant from channels in units of 128 at 4 x 4 and after each doubling.

    At each size but the largest there are two blocks: one keeps the size, one doubles it.
    """
    blocks = []
    for now, then in pairwise(widths):
        blocks.append(Block(128 * now, 128 * now, doubles=False))
        blocks.append(Block(128 * now, 128 * then, doubles=True))
    return Variant(image_size_px, tuple(blocks))


VARIANTS: Mapping[str, Variant] = MappingProxyType(
    {
        variant.kind: variant
        for variant in (
            _variant(128, (16, 16, 8, 4, 2, 1)),
            _variant(256, (16, 16, 8, 8, 4, 2, 1)),
            _variant(512, (16, 16, 8, 8, 4, 2, 1, 1)),
        )
    }
)
