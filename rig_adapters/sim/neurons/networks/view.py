"""What of an image falls into the field of a unit of a network, on the grey of the screen.

Networks were trained with sRGB values, so images are put together as they are written, not as
light. An image that fills the field exactly is not touched here: the network's own pre-processing
is the published one. Left out: that pre-processing.
"""

import numpy as np
import numpy.typing as npt

from rig_adapters.sim.neurons.base import Images
from rig_adapters.sim.retina import BACKGROUND_GREY, Floats, Placement, ReceptiveField


def view(images: Images, place: Placement, field: ReceptiveField, size_px: int) -> Floats:
    """Return what is seen in `field` of images (n, h, w, 3): (n, size_px, size_px, 3) in 0..255.

    Between pixels it is interpolated, and averaged where samples are further apart than they.
    """
    rows = _weights(
        images.shape[1], -place.y_deg, place.size_deg, -field.center_deg[1], field, size_px
    )
    columns = _weights(
        images.shape[2], place.x_deg, place.size_deg, field.center_deg[0], field, size_px
    )
    above_grey = images.astype(np.float32) - np.float32(BACKGROUND_GREY)
    across = np.einsum("xw,nhwc->nhxc", columns, above_grey, optimize=True)
    seen: Floats = np.einsum("yh,nhxc->nyxc", rows, across, optimize=True)
    seen += np.float32(BACKGROUND_GREY)
    return seen


def _weights(
    n_px: int,
    image_center_deg: float,
    image_size_deg: float,
    center_deg: float,
    field: ReceptiveField,
    n_samples: int,
) -> npt.NDArray[np.float32]:
    """Weights (n_samples, n_px) of pixels in samples; of one sample they add up to its coverage."""
    pixel_deg, sample_deg = image_size_deg / n_px, field.size_deg / n_samples
    pixels = image_center_deg + (np.arange(n_px) - (n_px - 1) / 2) * pixel_deg
    samples = center_deg + (np.arange(n_samples) - (n_samples - 1) / 2) * sample_deg
    reach = max(pixel_deg, sample_deg)
    # Beyond the centres of the outermost pixels, these go on to the edge of the image.
    inside = np.clip(samples, pixels[0], pixels[-1])
    weights = np.clip(1.0 - np.abs(inside[:, None] - pixels[None, :]) / reach, 0.0, None)
    weights /= weights.sum(axis=1, keepdims=True)
    half = (image_size_deg + sample_deg) / 2
    overlap = half - np.abs(samples - image_center_deg)
    covered = np.clip(overlap, 0.0, min(image_size_deg, sample_deg)) / sample_deg
    weighted: npt.NDArray[np.float32] = (covered[:, None] * weights).astype(np.float32)
    return weighted
