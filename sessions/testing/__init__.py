"""Logs to test with: small, real and made from a seed."""
