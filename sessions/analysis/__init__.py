"""Analysis of logged sessions: pure functions of numpy arrays, no files."""
