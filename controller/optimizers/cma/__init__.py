"""Evolution strategies that adapt a Gaussian in the space of codes."""
