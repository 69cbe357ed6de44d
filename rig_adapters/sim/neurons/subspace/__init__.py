"""Units that are tuned on some directions of image space and blind to all others."""
