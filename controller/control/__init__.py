"""How other programs talk to a running session: messages, the daemon's end, the client's end."""
