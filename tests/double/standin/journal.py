"""Facts for the tests, and the misbehaviour they ask for (the variables are described in `odoo-bin`)."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

PATH = os.environ.get("DOUBLE_JOURNAL")


def note(event, **facts):
    """Appends one line. One write each, so that lines of several processes never mix."""
    if not PATH:
        return
    line = json.dumps({"event": event, "pid": os.getpid(), "time": time.time(), **facts}) + "\n"
    file = os.open(PATH, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)


def seconds(name):
    return float(os.environ.get("DOUBLE_" + name) or 0)


def delay(name):
    if seconds(name):
        time.sleep(seconds(name))


def _is_early_start(name):
    """Whether this start is among the first N, for `DOUBLE_<name>_STARTS=N` (all when it is not set)."""
    limit = os.environ.get("DOUBLE_%s_STARTS" % name)
    if not limit:
        return True
    with open(PATH, encoding="utf-8") as file:
        return sum('"event": "start"' in line for line in file) <= int(limit)


def crash(point):
    """Ends the process here if the test wants it."""
    when, _, how = os.environ.get("DOUBLE_CRASH", "").rpartition(":")
    if when == point and _is_early_start("CRASH"):
        _end(how)


def _end(how):
    note("crash", how=how)
    if how.isdigit():
        os._exit(int(how))
    number = getattr(signal, how)
    if number not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    time.sleep(60)


class Hang:
    """What `DOUBLE_HANG` asks for; `http` is looked at before each answer, `main` by the main loop."""

    http = False
    main = False

    @classmethod
    def arm(cls):
        how, _, after = os.environ.get("DOUBLE_HANG", "").partition(":")
        if how in ("http", "main") and _is_early_start("HANG"):

            def hang():
                note("hang", how=how)
                cls.http = True
                if how == "main":
                    cls.main = True
                    # The main thread is where Python runs signal handlers: it has to leave its sleep first.
                    os.kill(os.getpid(), signal.SIGCHLD)

            _later(float(after or 0), hang)

    @classmethod
    def stand_still(cls):
        """Never returns, as a thread that is stuck in C code."""
        if cls.main:
            signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP})
            while True:
                time.sleep(3600)


def _later(after, action):
    if not after:
        action()
        return
    timer = threading.Timer(after, action)
    timer.daemon = True
    timer.start()


def at_ready(mode):
    """The server is up: notes it and starts what is to go wrong from here on."""
    note("ready", mode=mode)
    crash("ready")
    when, _, how = os.environ.get("DOUBLE_CRASH", "").rpartition(":")
    if when.replace(".", "", 1).isdigit() and _is_early_start("CRASH"):
        _later(float(when), lambda: _end(how))
    Hang.arm()
    for _ in range(int(seconds("ORPHANS"))):
        _leave_orphan()
    line = "x" * 127 + "\n"
    for _ in range(int(seconds("STDERR_MB") * 64)):
        sys.stderr.write(line * 128)
    if seconds("STDERR_MB"):
        sys.stderr.flush()
        note("written")


def _leave_orphan():
    """A grandchild whose parent is gone at once: whoever adopts it has to reap it."""
    length = os.environ.get("DOUBLE_ORPHAN_SECONDS") or "600"
    shell = subprocess.Popen(
        ["sh", "-c", "sleep %s >/dev/null & echo $!" % length],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    note("orphan", orphan=int(shell.stdout.readline()))
    shell.wait()


def signalled(number):
    """Notes a received signal; tells whether it is to be ignored."""
    note("signal", signal=signal.Signals(number).name)
    return number in (signal.SIGTERM, signal.SIGINT) and bool(os.environ.get("DOUBLE_IGNORE_TERM"))
