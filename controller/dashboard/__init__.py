"""The page in the browser that shows a session: a process of its own that the session never sees.

It asks the daemon as `neuroloop status` does and reads the log as any reader does. If it dies,
hangs or is stopped, the session goes on as if it had never been there.
"""

DEFAULT_PORT = 8737
