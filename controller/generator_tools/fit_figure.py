"""The picture of a fitted generator: its spectrum beside random images.

Left out: the numbers in words, which `neuroloop generator fit` prints.
"""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from controller.generator_tools.pictures import sheet
from generators.fitted_gaussian.fit import Fit
from generators.fitted_gaussian.generator import FittedGaussianGenerator

N_IMAGES = 16
_MEASURED, _FRESH = "#999999", "#0072b2"
_DECADES = 1e-7


def draw(fit: Fit, path: Path) -> None:
    """Draw into the file at `path`, whose ending says in which format."""
    figure = Figure(figsize=(11.0, 5.0), layout="constrained")
    spectrum, images = figure.subplots(1, 2)
    _draw_spectrum(spectrum, fit)
    _draw_images(images, fit)
    ensemble = fit.ensemble
    figure.suptitle(
        f"{ensemble.n_modes} modes of {ensemble.n_pictures} pictures at "
        f"{ensemble.image_size_px} × {ensemble.image_size_px} pixels"
    )
    figure.savefig(path, dpi=110)


def _draw_spectrum(panel: Axes, fit: Fit) -> None:
    measured, kept = fit.ensemble.measured, fit.ensemble.variances
    shown = measured[measured > _DECADES * measured[0]]
    ranks = np.arange(1, len(shown) + 1)
    panel.loglog(ranks, shown, color=_MEASURED, label="as measured")
    panel.loglog(
        ranks[: len(kept)],
        kept[: len(ranks)],
        color=_FRESH,
        linewidth=2.5,
        label="in fresh pictures",
    )
    enough = fit.trust.enough_modes
    if enough:
        panel.axvline(enough, color="black", linestyle=":", label=f"enough pictures up to {enough}")
    panel.set_xlabel("mode")
    panel.set_ylabel("variance (pixels from −1 to 1, summed over the picture)")
    panel.spines[["top", "right"]].set_visible(False)
    panel.legend(frameon=False, loc="lower left")


def _draw_images(panel: Axes, fit: Fit) -> None:
    generator = FittedGaussianGenerator(fit.ensemble)
    codes = generator.initial_codes(N_IMAGES, np.random.default_rng(0))
    panel.imshow(np.asarray(sheet(generator.render(codes), [""] * N_IMAGES)))
    panel.set_title("images of random codes", fontsize=10)
    panel.set_axis_off()
