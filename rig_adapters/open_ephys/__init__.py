"""Open Ephys: its ZMQ Interface says what is recorded, its HTTP server is told what to do."""
