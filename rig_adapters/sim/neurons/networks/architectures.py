"""AlexNet, VGG16 and ResNet-50 as tables: layers, the names of their parameters, and sizes.

Names and shapes of parameters are torchvision's, so that its weights files fit. They are AlexNet as
of Krizhevsky 2014 (*One weird trick*, arXiv:1404.5997, without its two towers), configuration D of
Simonyan & Zisserman 2015, and ResNet-50 of He et al. 2016 with the stride in the 3 x 3 convolution
of a block.

Torchvision pools the last map of AlexNet and VGG16 onto a fixed grid; with the inputs that are
possible here the map has that size already, so there is no such step. Dropout does nothing in a
network that does not learn. Left out: everything that needs torch.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

INPUT_PX = (227, 224)
"""Height and width of what a network is given: as the published benchmark has it, as trained."""
N_CLASSES = 1000


@dataclass(frozen=True)
class Convolution:
    """A convolution, with the BatchNorm that follows it (and then without a bias), if any."""

    name: str
    n_in: int
    n_out: int
    kernel: int
    stride: int = 1
    padding: int = 0
    norm: str = ""

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Its parameters and those of its BatchNorm."""
        weight = {f"{self.name}.weight": (self.n_out, self.n_in, self.kernel, self.kernel)}
        if not self.norm:
            return weight | {f"{self.name}.bias": (self.n_out,)}
        kept = ("weight", "bias", "running_mean", "running_var")
        return weight | {f"{self.norm}.{name}": (self.n_out,) for name in kept}


@dataclass(frozen=True)
class Dense:
    """A fully connected layer, of all that it is given."""

    name: str
    n_in: int
    n_out: int

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Its parameters."""
        return {f"{self.name}.weight": (self.n_out, self.n_in), f"{self.name}.bias": (self.n_out,)}


@dataclass(frozen=True)
class Pooling:
    """The maximum in a square window."""

    kernel: int
    stride: int
    padding: int = 0


@dataclass(frozen=True)
class Averaging:
    """The mean of each map."""


@dataclass(frozen=True)
class Rectification:
    """What is below 0 becomes 0."""


@dataclass(frozen=True)
class Cut:
    """A window of maps, perhaps with a margin of `fill`; no network has it (see `windows`).

    rows, columns: from and to, half-open.
    margin: rows above and below, columns left and right.
    """

    rows: tuple[int, int]
    columns: tuple[int, int]
    margin: tuple[int, int, int, int]
    fill: float = 0.0


@dataclass(frozen=True)
class Block:
    """Two ways from one input, added up; on a shortcut without steps that is the input itself."""

    path: tuple["Step", ...]
    shortcut: tuple["Step", ...]


Weighted = Convolution | Dense
Step = Weighted | Pooling | Averaging | Rectification | Cut | Block


@dataclass(frozen=True)
class Layer:
    """What units can be taken from: the steps that lead there from the layer before."""

    name: str
    steps: tuple[Step, ...]

    @property
    def weighted(self) -> tuple[Weighted, ...]:
        """Its steps with parameters, in the order of computation."""
        return tuple(_weighted(self.steps))

    @property
    def n_features(self) -> int:
        """Feature maps, or numbers of a fully connected layer."""
        # A shortcut comes last, and ends with as many as the way that it passes by.
        return self.weighted[-1].n_out

    @property
    def is_dense(self) -> bool:
        """Whether its features are single numbers instead of maps."""
        return any(isinstance(step, Dense) for step in self.steps)

    @property
    def is_rectified(self) -> bool:
        """Whether its activations are never below 0; those of the last layer, logits, may be."""
        return isinstance(self.steps[-1], Rectification)


@dataclass(frozen=True)
class Architecture:
    """A network: its name as it is written, and its layers in the order of computation."""

    title: str
    layers: tuple[Layer, ...]

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Names of all layers."""
        return tuple(layer.name for layer in self.layers)

    def through(self, name: str) -> tuple[Layer, ...]:
        """Layers up to the one of this name; KeyError where there is none."""
        if name not in self.layer_names:
            raise KeyError(name)
        return self.layers[: self.layer_names.index(name) + 1]

    def layer(self, name: str) -> Layer:
        """Return the layer of this name; KeyError where there is none."""
        return self.through(name)[-1]

    def map_px(self, name: str, input_px: int) -> int:
        """Height and width of the maps of a layer; 1 where its features are single numbers."""
        px = input_px
        for layer in self.through(name):
            for step in layer.steps:
                px = map_px_after(step, px)
        return px

    def shapes(self, through: str | None = None) -> dict[str, tuple[int, ...]]:
        """Every parameter, as torchvision names it, and its shape; of all layers, or up to one."""
        layers = self.layers if through is None else self.through(through)
        parts = [one.shapes for layer in layers for one in layer.weighted]
        return {name: shape for part in parts for name, shape in part.items()}


def map_px_after(step: Step, px: int) -> int:
    """Height and width of what a step makes of whole maps of `px`."""
    if isinstance(step, Convolution | Pooling):
        return (px + 2 * step.padding - step.kernel) // step.stride + 1
    if isinstance(step, Block):
        for inner in step.path:
            px = map_px_after(inner, px)
        return px
    return 1 if isinstance(step, Averaging | Dense) else px


def _weighted(steps: tuple[Step, ...]) -> Iterator[Weighted]:
    for step in steps:
        if isinstance(step, Block):
            yield from _weighted(step.path)
            yield from _weighted(step.shortcut)
        elif isinstance(step, Convolution | Dense):
            yield step


_RECTIFIED = Rectification()


def _classifier(last: Pooling, n_in: int, names: tuple[str, str, str]) -> tuple[Layer, ...]:
    fc6, fc7, fc8 = names
    return (
        Layer("fc6", (last, Dense(fc6, n_in, 4096), _RECTIFIED)),
        Layer("fc7", (Dense(fc7, 4096, 4096), _RECTIFIED)),
        Layer("fc8", (Dense(fc8, 4096, N_CLASSES),)),
    )


def _alexnet() -> Architecture:
    conv2 = Convolution("features.3", 64, 192, 5, padding=2)
    layers = (
        Layer("conv1", (Convolution("features.0", 3, 64, 11, 4, 2), _RECTIFIED)),
        Layer("conv2", (Pooling(3, 2), conv2, _RECTIFIED)),
        Layer("conv3", (Pooling(3, 2), _three("features.6", 192, 384), _RECTIFIED)),
        Layer("conv4", (_three("features.8", 384, 256), _RECTIFIED)),
        Layer("conv5", (_three("features.10", 256, 256), _RECTIFIED)),
    )
    names = ("classifier.1", "classifier.4", "classifier.6")
    return Architecture("AlexNet", (*layers, *_classifier(Pooling(3, 2), 256 * 6 * 6, names)))


def _vgg16() -> Architecture:
    layers: list[Layer] = []
    n_in, index = 3, 0
    for stage, (n_out, count) in enumerate(((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)), 1):
        for number in range(1, count + 1):
            before = (Pooling(2, 2),) if number == 1 and stage > 1 else ()
            steps = (*before, _three(f"features.{index}", n_in, n_out), _RECTIFIED)
            layers.append(Layer(f"conv{stage}_{number}", steps))
            n_in, index = n_out, index + 2
        index += 1
    names = ("classifier.0", "classifier.3", "classifier.6")
    return Architecture("VGG16", (*layers, *_classifier(Pooling(2, 2), 512 * 7 * 7, names)))


def _resnet50() -> Architecture:
    first = Convolution("conv1", 3, 64, 7, 2, 3, norm="bn1")
    layers = [Layer("conv1", (first, _RECTIFIED))]
    n_in = 64
    for stage, (width, count) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3)), 1):
        for number in range(count):
            stride = 2 if number == 0 and stage > 1 else 1
            name = f"layer{stage}.{number}"
            before = (Pooling(3, 2, 1),) if name == "layer1.0" else ()
            block = _bottleneck(name, n_in, width, stride, shortcut=number == 0)
            layers.append(Layer(name, (*before, block, _RECTIFIED)))
            n_in = 4 * width
    layers.append(Layer("fc", (Averaging(), Dense("fc", n_in, N_CLASSES))))
    return Architecture("ResNet-50", tuple(layers))


def _three(name: str, n_in: int, n_out: int) -> Convolution:
    return Convolution(name, n_in, n_out, 3, padding=1)


def _bottleneck(name: str, n_in: int, width: int, stride: int, *, shortcut: bool) -> Block:
    n_out = 4 * width
    path = (
        Convolution(f"{name}.conv1", n_in, width, 1, norm=f"{name}.bn1"),
        _RECTIFIED,
        Convolution(f"{name}.conv2", width, width, 3, stride, 1, norm=f"{name}.bn2"),
        _RECTIFIED,
        Convolution(f"{name}.conv3", width, n_out, 1, norm=f"{name}.bn3"),
    )
    down = f"{name}.downsample"
    past = Convolution(f"{down}.0", n_in, n_out, 1, stride, norm=f"{down}.1")
    return Block(path, (past,) if shortcut else ())


ARCHITECTURES: Mapping[str, Architecture] = MappingProxyType(
    {"alexnet": _alexnet(), "vgg16": _vgg16(), "resnet50": _resnet50()}
)
"""By the kind of a unit."""
