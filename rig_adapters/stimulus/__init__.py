"""The stimulus process: shows images frame by frame and tells the daemon what really happened."""
