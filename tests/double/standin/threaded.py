"""The server of `workers = 0`: one process, a thread for each request."""

import logging
import os
import select
import signal
import socket
import sys
import threading
import time
import traceback

from . import database, journal, loading, web
from .config import config

_logger = logging.getLogger("odoo.service.server")


def dump_stacks(number=None, frame=None):
    """What SIGQUIT is for."""
    journal.signalled(signal.SIGQUIT)
    threads = {thread.ident: thread for thread in threading.enumerate()}
    lines = []
    for ident, stack in sys._current_frames().items():
        lines.append("\n# Thread: %r" % threads.get(ident))
        lines += [line.rstrip() for line in traceback.format_stack(stack)]
    logging.getLogger("odoo.tools.misc").info("\n".join(lines))


def log_caches(number=None, frame=None):
    """What SIGUSR1 is for."""
    journal.signalled(signal.SIGUSR1)
    logging.getLogger("odoo.tools.cache").info("Caches stats:")


def without_one_time_flags(arguments):
    """argv for a server that takes this one's place: without -i, -u, -s and --i18n-overwrite."""
    kept, skip = [], False
    for argument in arguments:
        if skip:
            skip = False
        elif argument in ("-i", "-u", "--init", "--update"):
            skip = True
        elif not argument.startswith(("-i", "-u", "-s", "--init=", "--update=")) \
                and argument not in ("--save", "--i18n-overwrite"):
            kept.append(argument)
    return kept


def execute_again():
    """The same process from the beginning: id, environment and inherited descriptors stay."""
    journal.note("reload")
    os.execve(sys.executable, [sys.executable, *without_one_time_flags(sys.argv)], os.environ)


class Listener:
    """Accepts on a socket and hands each connection to a thread of its own."""

    def __init__(self, listener):
        self.socket = listener
        self.running = True
        self.stopped = threading.Event()
        threading.Thread(target=self._loop, name="odoo.service.httpd", daemon=True).start()

    @classmethod
    def bound(cls):
        """Bound as configured, or the socket that was handed over as descriptor 3."""
        if os.environ.get("LISTEN_FDS") == "1" and os.environ.get("LISTEN_PID") == str(os.getpid()):
            listener = socket.fromfd(3, socket.AF_INET, socket.SOCK_STREAM)
            _logger.info("HTTP service (werkzeug) running through socket activation")
            journal.note("listening", activated=True)
        else:
            interface, port = config["http_interface"] or "0.0.0.0", config["http_port"]
            family = socket.AF_INET6 if ":" in interface else socket.AF_INET
            listener = socket.socket(family, socket.SOCK_STREAM)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((interface, port))
            listener.listen(128)
            _logger.info("HTTP service (werkzeug) running on %s:%s", socket.gethostname(), port)
            journal.note("listening", port=port)
        return cls(listener)

    def _loop(self):
        try:
            while self.running:
                ready, _, _ = select.select([self.socket], [], [], 0.5)
                if ready and self.running:
                    try:
                        client, address = self.socket.accept()
                    except OSError:
                        continue
                    client.setblocking(True)
                    # Not a daemon: the interpreter waits for it at its end.
                    threading.Thread(target=web.serve, args=(client, address), name="odoo.service.http.request").start()
        finally:
            self.socket.close()
            self.stopped.set()

    def shutdown(self):
        self.running = False
        self.stopped.wait()


class ThreadedServer:
    def __init__(self):
        self.httpd = None
        self.signals = 0
        self.reload = False

    def _on_signal(self, number, frame):
        if number == signal.SIGCHLD or journal.signalled(number):
            return
        if number == signal.SIGXCPU:
            sys.stderr.write("CPU time limit exceeded! Shutting down immediately\n")
            sys.stderr.flush()
            os._exit(0)
        self.signals += 1
        if number == signal.SIGHUP:
            self.reload = True
        elif self.signals > 1:
            sys.stderr.write("Forced shutdown.\n")
            sys.stderr.flush()
            journal.note("exit", code=0, forced=True)
            os._exit(0)
        raise KeyboardInterrupt

    def _start(self, stop):
        for number in ("SIGINT", "SIGTERM", "SIGCHLD", "SIGHUP", "SIGXCPU"):
            signal.signal(getattr(signal, number), self._on_signal)
        signal.signal(signal.SIGQUIT, dump_stacks)
        signal.signal(signal.SIGUSR1, log_caches)
        journal.note("caught")
        if config["http_enable"] and not stop:
            self.httpd = Listener.bound()

    def _stop(self):
        if self.reload:
            _logger.info("Initiating server reload")
        else:
            _logger.info("Initiating shutdown")
            _logger.info("Hit CTRL-C again or send a second signal to force the shutdown.")
        end = time.time() + 1
        if self.httpd:
            self.httpd.shutdown()
        journal.delay("STOP_DELAY")
        for thread in threading.enumerate():
            if thread is not threading.main_thread() and not thread.daemon:
                while thread.is_alive() and time.time() < end:
                    thread.join(0.05)
                    time.sleep(0.02)
        logging.shutdown()

    def run(self, preload, stop):
        with loading.lock:
            self._start(stop)
            journal.delay("LATE_DELAY")
            code = loading.preload(preload)
        if stop:
            self._stop()
            return code
        for number in range(config["max_cron_threads"]):
            name = "odoo.service.cron.cron%d" % number
            threading.Thread(target=_cron, name=name, daemon=True).start()
        journal.at_ready("threaded")
        try:
            while not self.signals:
                journal.Hang.stand_still()
                time.sleep(1 if journal.seconds("HANG") or "DOUBLE_HANG" in os.environ else 60)
        except KeyboardInterrupt:
            pass
        self._stop()
        if self.reload:
            execute_again()
        return None


def _cron():
    """Listens for work and has none. Nobody catches what goes wrong here: the thread is gone for good."""
    connection = database.connect("postgres")
    connection.autocommit = True
    connection.cursor().execute("LISTEN cron_trigger")
    if os.environ.get("DOUBLE_CRON_DIES"):
        raise RuntimeError("asked to die")
    while True:
        select.select([connection], [], [], 60)
        connection.poll()
