"""Decides, orders and composes: configuration, daemon, session loop, optimizers, command line."""
