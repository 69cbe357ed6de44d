"""The relay protocol: spikes from systems that only their vendor's own software can read."""
