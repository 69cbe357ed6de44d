"""StyleGAN2 generators as a table: how many channels there are at which size.

Karras et al. 2020 (*Analyzing and improving the image quality of StyleGAN*, CVPR): eight fully
connected layers make a style w of a code z; 4 x 4 learned numbers in many channels are doubled in
size until they are a picture, through two convolutions at each size, whose weights the style
modulates; and at each size a third, of 1 x 1, adds to the colours of the picture. Networks with
other depths and widths are the same network, so a file tells its own.

`Variant.shapes` has the names of rosinality's implementation
(github.com/rosinality/stylegan2-pytorch), in which most converted weights go round. Left out: other
names (`generators.stylegan2.layouts`), class-conditional networks, and everything that needs torch.
"""

from dataclasses import dataclass

FIRST_MAP_PX = 4
"""Height and width of the learned constant."""
STYLE_DIM = 512
N_MAPPING = 8
"""Elements of codes and styles, and layers between them, of all published networks but ADA's."""
MOST_CHANNELS = 512


@dataclass(frozen=True)
class Variant:
    """One generator of the family.

    Attributes:
        style_dim: elements of a code and of a style.
        n_mapping: fully connected layers between them.
        widths: channels at 4 x 4, 8 x 8 and so on.

    """

    style_dim: int
    n_mapping: int
    widths: tuple[int, ...]

    @property
    def image_size_px(self) -> int:
        """Height and width of its pictures."""
        return FIRST_MAP_PX << (len(self.widths) - 1)

    @property
    def convolutions(self) -> tuple[tuple[str, int, int, int], ...]:
        """Name, inputs, outputs and size in pixels of each modulated convolution of 3 x 3."""
        first = self.widths[0]
        found = [("conv1", first, first, FIRST_MAP_PX)]
        for index, n_out in enumerate(self.widths[1:]):
            size = FIRST_MAP_PX << (index + 1)
            found.append((f"convs.{2 * index}", self.widths[index], n_out, size))
            found.append((f"convs.{2 * index + 1}", n_out, n_out, size))
        return tuple(found)

    @property
    def colours(self) -> tuple[tuple[str, int], ...]:
        """Name and inputs of what adds to the colours at each size."""
        later = [(f"to_rgbs.{index}", n) for index, n in enumerate(self.widths[1:])]
        return (("to_rgb1", self.widths[0]), *later)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Every parameter and every noise map, and its shape."""
        dim, first = self.style_dim, self.widths[0]
        shapes: dict[str, tuple[int, ...]] = {}
        for index in range(1, self.n_mapping + 1):
            shapes |= {f"style.{index}.weight": (dim, dim), f"style.{index}.bias": (dim,)}
        shapes["input.input"] = (1, first, FIRST_MAP_PX, FIRST_MAP_PX)
        for index, (name, n_in, n_out, size) in enumerate(self.convolutions):
            shapes |= self._modulated(name, n_in, n_out, 3)
            shapes |= {f"{name}.noise.weight": (1,), f"{name}.activate.bias": (n_out,)}
            shapes[f"noises.noise_{index}"] = (1, 1, size, size)
        for name, n_in in self.colours:
            shapes |= self._modulated(name, n_in, 3, 1)
            shapes[f"{name}.bias"] = (1, 3, 1, 1)
        return shapes

    def _modulated(
        self, name: str, n_in: int, n_out: int, kernel: int
    ) -> dict[str, tuple[int, ...]]:
        return {
            f"{name}.conv.weight": (1, n_out, n_in, kernel, kernel),
            f"{name}.conv.modulation.weight": (n_in, self.style_dim),
            f"{name}.conv.modulation.bias": (n_in,),
        }


def published(image_size_px: int, channel_multiplier: int = 2) -> Variant:
    """Return a published network: 2 for config F of the paper, 1 for its config E and ADA's 256."""
    sizes = [FIRST_MAP_PX]
    while sizes[-1] < image_size_px:
        sizes.append(2 * sizes[-1])
    widths = tuple(min(MOST_CHANNELS, 16384 * channel_multiplier // size) for size in sizes)
    return Variant(STYLE_DIM, N_MAPPING, widths)
