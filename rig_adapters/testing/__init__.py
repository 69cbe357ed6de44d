"""Contract suites that a lab runs on its own rig adapter. Needs pytest."""
