"""Suites with which a laboratory tests a generator of its own."""
