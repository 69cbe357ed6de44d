"""One TOML file per session: its tables, how it is read, and the template of a new one."""
