"""Runs a program in a terminal of its own, types ^C when it prints READY, and prints as JSON what it printed and how it ended."""

import json
import os
import pty
import sys

pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
printed = b""
has_typed = False
while True:
    try:
        some = os.read(terminal, 65536)
    except OSError:  # The terminal has no process any more.
        break
    if not some:
        break
    printed += some
    if not has_typed and b"READY" in printed:
        has_typed = True
        os.write(terminal, b"\x03")
_, status = os.waitpid(pid, 0)
print(json.dumps({"printed": printed.decode(), "code": os.waitstatus_to_exitcode(status)}))
