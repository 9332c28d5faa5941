"""Runs a program in a terminal of its own. Types ^C when it prints READY, once for each; closes the terminal when told to
hang up on standard input. Prints as JSON what the program printed and how it ended."""

import json
import os
import pty
import select
import signal
import sys

pid, terminal = pty.fork()
if pid == 0:
    for each in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_DFL)  # Whoever runs this may ignore some, started by nohup or with &.
    os.execvp(sys.argv[1], sys.argv[1:])
printed = b""
typed = 0
sources = [terminal, 0]
while terminal in sources:
    for source in select.select(sources, [], [])[0]:
        try:
            some = os.read(source, 65536)
        except OSError:  # The terminal has no process any more.
            some = b""
        if source == terminal:
            printed += some
        if not some:
            sources.remove(source)
        elif source == 0:
            os.close(terminal)
            sources.remove(terminal)
            break
    if typed < printed.count(b"READY"):
        typed += 1
        os.write(terminal, b"\x03")
_, status = os.waitpid(pid, 0)
print(json.dumps({"printed": printed.decode(), "code": os.waitstatus_to_exitcode(status)}))
