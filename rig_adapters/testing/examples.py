"""One valid message of every kind that the processes at the rig know, small and plausible.

For suites that need something to send or to damage; what the fields mean is in `wire.messages`.
"""

import hashlib

import numpy as np

from rig_adapters.wire import folders as f
from rig_adapters.wire import messages as m
from rig_adapters.wire.light import ImagesForgotten, ImagesUploaded, LightChanged
from rig_adapters.wire.messages import Message

PIXELS = np.full((1, 8, 8, 3), 200, dtype=np.uint8)
SHA256 = hashlib.sha256(PIXELS.tobytes()).hexdigest()
IDS = np.array([1], dtype=np.int64)
NO_TIMES = np.zeros(0, dtype=np.float64)

CONFIGURE_DISPLAY = m.ConfigureDisplay(
    kind="virtual",
    geometry=m.ScreenGeometry(size_px=(800, 600), width_cm=40.0, distance_cm=57.0, refresh_hz=60.0),
    full_screen=False,
    background_grey=128,
    fixation=m.FixationSpot(diameter_deg=0.3),
    light_endpoint=None,
)
BLOCK = m.PresentBlock(
    block=0,
    part=0,
    trials=(
        m.PlannedTrial(
            trial_id=1,
            presentations=(
                m.PlannedPresentation(
                    presentation_id=1,
                    image_id=1,
                    x_deg=0.0,
                    y_deg=0.0,
                    size_deg=4.0,
                    on_frames=6,
                    off_frames=6,
                ),
            ),
            fixation_frames=6,
            inter_trial_frames=6,
        ),
    ),
    tail_frames=6,
)

COMMON: tuple[Message, ...] = (
    m.Ping(token=1),
    m.Pong(token=1, host_time_s=1.0),
    m.Shutdown(),
    m.ShutDown(),
    m.Faulted(what="the amplifier is off", advice="switch it on"),
)
STIMULUS: tuple[Message, ...] = (
    *COMMON,
    CONFIGURE_DISPLAY,
    m.DisplayConfigured(
        label="virtual",
        waits_for_vertical_blank=False,
        measured_refresh_hz=None,
        pixels_exact=None,
        versions={"python": "3"},
    ),
    m.LoadImages(image_ids=IDS, sha256s=(SHA256,), images=PIXELS),
    m.ImagesLoaded(image_ids=IDS),
    BLOCK,
    m.Presented(
        presentation_id=1,
        trial_id=1,
        image_id=1,
        image_sha256=SHA256,
        flip_on_host_s=1.0,
        flip_off_host_s=1.1,
        frames_shown=6,
        dropped_frames=0,
    ),
    m.TrialEnded(
        trial_id=1,
        spot_on_host_s=0.5,
        acquired_host_s=0.7,
        broken_host_s=None,
        spot_off_host_s=1.3,
        completed=True,
        reward_pulses=1,
        reward_pulse_s=0.1,
        reward_ml=0.15,
    ),
    m.BlockPresented(block=0, part=0, host_time_s=2.0, busy_s=0.1),
    m.AbortBlock(),
    m.BlockAborted(presented=1),
    m.RenewLight(),
    m.LightRenewed(),
)
RIG: tuple[Message, ...] = (
    *COMMON,
    m.ConfigureRig(settings={}, seed=1, time="virtual", light_endpoint=None),
    m.RigConfigured(
        adapter="sim",
        simulated=True,
        sample_rate_hz=30_000.0,
        units=(m.UnitDescription(unit_id=101, channel_id=1, label="one"),),
        capabilities=frozenset(("sync",)),
        versions={},
    ),
    m.StartRecording(),
    m.RecordingStarted(host_time_s=0.0, rig_time_s=0.0),
    m.SpikesRecorded(
        sequence=0,
        from_rig_s=0.0,
        through_rig_s=1.0,
        spike_rig_s=np.array([0.5]),
        spike_unit_ids=np.array([101], dtype=np.int32),
        sync_rig_s=NO_TIMES,
        fixation_broken_rig_s=NO_TIMES,
        clock_host_s=1.0,
        clock_rig_s=1.0,
        clock_uncertainty_s=0.001,
        busy_s=0.0,
    ),
    m.StopRecording(),
    m.RecordingStopped(last_sequence=0),
)
FOLDERS: tuple[Message, ...] = (
    *COMMON,
    f.OpenFolders(settings={}, first_block=0),
    m.RigConfigured(
        adapter="xdream",
        simulated=True,
        sample_rate_hz=0.0,
        units=(m.UnitDescription(unit_id=100, channel_id=1, label="as reported"),),
        capabilities=frozenset(),
        versions={},
    ),
    m.LoadImages(image_ids=IDS, sha256s=(SHA256,), images=PIXELS),
    m.ImagesLoaded(image_ids=IDS),
    f.WriteBlock(folder_block=0, image_ids=IDS, names=("block000_000_a.png",)),
    f.BlockWritten(
        images=(f.WrittenImage(name="block000_000_a.png", sha256=SHA256, image_sha256=SHA256),)
    ),
    f.ReplyArrived(
        name="block000.mat",
        format="mat",
        sha256=SHA256,
        modified_ns=1,
        data=np.zeros(8, np.uint8),
    ),
    f.ReplyLate(why="nothing came"),
    f.CloseBlock(),
    f.BlockClosed(),
    m.AbortBlock(),
    m.BlockAborted(presented=0),
)
LIGHT: tuple[Message, ...] = (
    ImagesUploaded(sha256s=(SHA256,), images=PIXELS),
    ImagesForgotten(sha256s=(SHA256,)),
    LightChanged(what="image_on", host_time_s=1.0, image_sha256=SHA256, size_deg=4.0),
    LightChanged(what="dark_until", host_time_s=2.0),
)
