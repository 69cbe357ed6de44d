"""Where the eye of a simulated animal really looks: Gaussian about fixation, and still by default.

A gaze to the right brings the image to the left of every receptive field. Drift within a fixation,
microsaccades and looking away are left out; the last is the behaviour of the stimulus process.
"""

from dataclasses import dataclass, replace

from rig_adapters.sim.eye.settings import EyeSettings
from rig_adapters.sim.randomness import Purpose, rng_at
from rig_adapters.sim.retina import Placement


@dataclass
class Gaze:
    """Gaze of one session."""

    settings: EyeSettings
    seed: int
    _n_trials: int = 0

    @property
    def is_still(self) -> bool:
        """Whether it never leaves fixation."""
        return self.settings.gaze_sd_deg == 0

    def begin_trial(self) -> None:
        """Look at the fixation point anew."""
        self._n_trials += 1

    def on_retina(self, place: Placement, onset: int) -> Placement:
        """Return where an image is relative to gaze, in presentation number `onset`."""
        if self.is_still:
            return place
        per_trial = self.settings.gaze_changes == "trial"
        rng = rng_at(self.seed, Purpose.GAZE, self._n_trials if per_trial else onset)
        right_deg, up_deg = self.settings.gaze_sd_deg * rng.standard_normal(2)
        return replace(
            place, x_deg=place.x_deg - float(right_deg), y_deg=place.y_deg - float(up_deg)
        )
