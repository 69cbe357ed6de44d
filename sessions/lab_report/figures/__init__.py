"""Every figure of a report, one small file for each kind."""
