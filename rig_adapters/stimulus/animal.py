"""From the settings to who watches the animal and what rewards it.

What needs a device is imported only where a config asks for it.
"""

from rig_adapters.errors import BehaviourError
from rig_adapters.stimulus.behaviour.always import AlwaysFixating
from rig_adapters.stimulus.behaviour.base import Behaviour
from rig_adapters.stimulus.behaviour.gaze import GazeWindow
from rig_adapters.stimulus.behaviour.simulated_animal import SimulatedAnimal
from rig_adapters.stimulus.reward.base import Reward
from rig_adapters.stimulus.reward.simulated import NoReward, SimulatedReward
from rig_adapters.stimulus.reward.valve import ValveReward
from rig_adapters.stimulus.trigger import TriggerLine, open_line
from rig_adapters.wire import animal
from rig_adapters.wire.messages import ConfigureDisplay, ParallelTtl, SerialTtl


def make_behaviour(configure: ConfigureDisplay) -> Behaviour:
    """Return who watches the eyes; BehaviourError where that cannot be."""
    settings = configure.behaviour
    match settings:
        case animal.SimulatedAnimalSettings():
            return SimulatedAnimal(settings, configure.seed)
        case animal.EyeTrackerSettings():
            from rig_adapters.stimulus.behaviour.iohub import IoHubGaze

            source = IoHubGaze(settings.iohub_config, configure.geometry)
            return GazeWindow(source, settings, configure.fixation.position_deg)
        case animal.AlwaysSettings():
            return AlwaysFixating()


def make_reward(settings: animal.RewardSettings) -> Reward:
    """Return what rewards; BehaviourError where its port cannot be opened."""
    if isinstance(settings, animal.NoRewardSettings):
        return NoReward()
    amounts = settings.acquired_pulse_s, settings.completed_pulse_s, settings.ml_per_s
    match settings:
        case animal.SimulatedRewardSettings():
            return SimulatedReward(*amounts)
        case animal.SerialRewardSettings() | animal.ParallelRewardSettings():
            return ValveReward(_line(settings), *amounts)


def _line(settings: animal.SerialRewardSettings | animal.ParallelRewardSettings) -> TriggerLine:
    try:
        return open_line(_wire_of(settings))
    except OSError as error:
        raise BehaviourError(
            f"the reward's line cannot be opened ({error}): see whether {settings.device} is there "
            "and yours to use, or correct reward.device"
        ) from error


def _wire_of(
    settings: animal.SerialRewardSettings | animal.ParallelRewardSettings,
) -> SerialTtl | ParallelTtl:
    if isinstance(settings, animal.SerialRewardSettings):
        return SerialTtl(kind="serial", device=settings.device, line=settings.line)
    return ParallelTtl(kind="parallel", device=settings.device, pin=settings.pin)
