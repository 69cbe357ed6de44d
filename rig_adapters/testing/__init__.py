"""Contract suites that a lab runs on its own adapters; they need pytest."""
