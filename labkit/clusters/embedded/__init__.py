"""The embedded cluster: a Python process that serves the API, and what starts and stops it.

`settings` says what it is started with, `daemon` is the process, `launch` starts, finds and stops it, `wiring` puts server,
controllers and node together.
"""
