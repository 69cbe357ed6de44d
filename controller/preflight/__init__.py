"""Pre-flight: what of the screen, the disk, the clocks and the rig is as a session needs it."""
