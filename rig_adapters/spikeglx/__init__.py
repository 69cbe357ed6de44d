"""SpikeGLX: its remote command server hands over what is sampled, and here it becomes spikes."""
