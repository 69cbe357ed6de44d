"""The record of a session, and everything that is computed from it."""
