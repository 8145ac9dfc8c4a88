"""The servers of `workers > 0`: a master, its forks, and the evented child beside them."""

import errno
import fcntl
import logging
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import threading
import time

from . import database, journal, loading, web
from .config import config
from .threaded import Listener, dump_stacks, execute_again, log_caches, without_one_time_flags

_logger = logging.getLogger("odoo.service.server")
BEAT = 4


def _pipe():
    ends = os.pipe()
    for end in ends:
        fcntl.fcntl(end, fcntl.F_SETFL, fcntl.fcntl(end, fcntl.F_GETFL) | os.O_NONBLOCK)
    return ends


def _drain(end):
    try:
        while os.read(end, 4096):
            pass
    except BlockingIOError:
        pass


def _ping(end):
    try:
        os.write(end, b".")
    except BlockingIOError:
        pass


class Worker:
    """A fork of the master that takes requests, or listens for cron work."""

    def __init__(self, master, kind):
        self.master = master
        self.kind = kind
        limit = config["limit_time_real_cron"]
        http_limit = config["limit_time_real"]
        self.timeout = http_limit if kind == "WorkerHTTP" or limit == -1 else (limit or None)
        self.watchdog = _pipe()
        self.wakeup = _pipe()
        self.seen = time.time()
        self.alive = True
        self.requests = 0
        self.parent = os.getpid()
        self.connection = None

    def close(self):
        for end in (*self.watchdog, *self.wakeup):
            os.close(end)

    def run(self):
        """In the fork; never returns."""
        code = 0
        try:
            self._start()
            while self.alive:
                if os.getppid() != self.parent:
                    _logger.info("Worker (%s) Parent changed", os.getpid())
                    break
                if self.requests >= config["limit_request"]:
                    _logger.info("Worker (%d) max request (%s) reached.", os.getpid(), self.requests)
                    break
                used = resource.getrusage(resource.RUSAGE_SELF)
                hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
                cpu = int(used.ru_utime + used.ru_stime + config["limit_time_cpu"])
                resource.setrlimit(resource.RLIMIT_CPU, (cpu, hard))
                _ping(self.watchdog[1])
                self._turn()
            _logger.info("Worker (%s) exiting. request_count: %s, registry count: %s.",
                         os.getpid(), self.requests, len(loading.registries))
        except Exception:
            _logger.exception("Worker (%s) Exception occurred, exiting...", os.getpid())
            code = 1
        sys.stderr.flush()
        os._exit(code)

    def _start(self):
        if self.kind == "WorkerCron":
            os.nice(10)
        _logger.info("Worker %s (%s) alive", self.kind, os.getpid())
        signal.signal(signal.SIGINT, self._on_int)
        for number in ("SIGTERM", "SIGHUP", "SIGCHLD", "SIGTTIN", "SIGTTOU"):
            signal.signal(getattr(signal, number), signal.SIG_DFL)
        signal.set_wakeup_fd(self.wakeup[1], warn_on_full_buffer=False)
        journal.note("worker", kind=self.kind)
        if self.kind == "WorkerCron":
            if self.master.socket:
                self.master.socket.close()
            self.connection = database.connect("postgres")
            self.connection.autocommit = True
            self.connection.cursor().execute("LISTEN cron_trigger")

    def _on_int(self, number, frame):
        journal.note("worker-stop", kind=self.kind)
        self.alive = False

    def _turn(self):
        work = self.connection or self.master.socket
        ready, _, _ = select.select([work, self.wakeup[0]], [], [], 60 if self.connection else BEAT)
        _drain(self.wakeup[0])
        if work not in ready or not self.alive:
            return
        if self.connection:
            self.connection.poll()
            return
        try:
            client, address = work.accept()
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ECONNABORTED):
                raise
            return
        client.settimeout(float(os.environ.get("ODOO_HTTP_SOCKET_TIMEOUT") or 2))
        web.serve(client, address)
        self.requests += 1


class PreforkServer:
    def __init__(self):
        self.population = config["workers"]
        self.socket = None
        self.workers = {}
        self.evented = None
        self.queue = []
        self.pipe = _pipe()
        self.reload = False

    def _on_signal(self, number, frame):
        if number != signal.SIGCHLD:
            if journal.signalled(number):
                return
            if len(self.queue) >= 5:
                _logger.warning("Dropping signal: %s", number)
                return
        self.queue.append(number)
        _ping(self.pipe[1])

    def _start(self):
        for number in ("SIGINT", "SIGTERM", "SIGHUP", "SIGCHLD", "SIGTTIN", "SIGTTOU"):
            signal.signal(getattr(signal, number), self._on_signal)
        signal.signal(signal.SIGQUIT, dump_stacks)
        signal.signal(signal.SIGUSR1, log_caches)
        journal.note("caught")
        if not config["http_enable"]:
            return
        interface, port = config["http_interface"] or "0.0.0.0", config["http_port"]
        _logger.info("HTTP service (werkzeug) running on %s:%s", interface, port)
        self.socket = socket.socket(socket.AF_INET6 if ":" in interface else socket.AF_INET, socket.SOCK_STREAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.setblocking(False)
        self.socket.bind((interface, port))
        self.socket.listen(8 * self.population)
        journal.note("listening", port=port)

    def run(self, preload, stop):
        self._start()
        journal.delay("LATE_DELAY")
        code = loading.preload(preload)
        if stop:
            self._stop()
            return code
        journal.at_ready("prefork")
        while True:
            try:
                journal.Hang.stand_still()
                self._handle_signals()
                self._reap()
                self._kill_overdue()
                self._spawn()
                self._sleep()
            except KeyboardInterrupt:
                self._stop()
                break
            except Exception:
                _logger.exception("The master fails")
                self._stop(graceful=False)
                return -1
        if self.reload:
            execute_again()
        return None

    def _handle_signals(self):
        while self.queue:
            number = self.queue.pop(0)
            if number == signal.SIGTTIN:
                self.population += 1
            elif number == signal.SIGTTOU:
                self.population -= 1
            elif number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                self.reload = self.reload or number == signal.SIGHUP
                raise KeyboardInterrupt

    def _reap(self):
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            if os.WIFEXITED(status) and os.WEXITSTATUS(status) == 3:
                raise RuntimeError("Critial worker error (%s)" % pid)
            if pid == self.evented:
                self.evented = None
            if pid in self.workers:
                self.workers.pop(pid).close()

    def _kill_overdue(self):
        for pid, worker in self.workers.items():
            if worker.timeout and time.time() - worker.seen >= worker.timeout:
                _logger.error("%s (%s) timeout after %ss", worker.kind, pid, worker.timeout)
                os.kill(pid, signal.SIGKILL)

    def _spawn(self):
        def missing(kind, wanted):
            return range(wanted - sum(worker.kind == kind for worker in self.workers.values()))

        if config["http_enable"]:
            for _ in missing("WorkerHTTP", self.population):
                self._fork("WorkerHTTP")
            if not self.evented:
                arguments = [sys.argv[0], "gevent", *without_one_time_flags(sys.argv)[1:]]
                self.evented = subprocess.Popen([sys.executable, *arguments]).pid
        for _ in missing("WorkerCron", config["max_cron_threads"]):
            self._fork("WorkerCron")

    def _fork(self, kind):
        worker = Worker(self, kind)
        pid = os.fork()
        if not pid:
            worker.run()
        self.workers[pid] = worker

    def _sleep(self):
        ends = {worker.watchdog[0]: worker for worker in self.workers.values()}
        beat = min(BEAT, 1) if "DOUBLE_HANG" in os.environ else BEAT
        ready, _, _ = select.select([*ends, self.pipe[0]], [], [], beat)
        for end in ready:
            if end in ends:
                ends[end].seen = time.time()
            _drain(end)

    def _kill(self, pid, number):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass

    def _stop(self, graceful=True):
        if self.evented:
            self._kill(self.evented, signal.SIGKILL)
            self.evented = None
        if self.socket:
            self.socket.close()
        _logger.info("Stopping gracefully" if graceful else "Stopping forcefully")
        if graceful:
            journal.delay("STOP_DELAY")
            end = time.time() + config["limit_time_real"]
            for pid in self.workers:
                self._kill(pid, signal.SIGINT)
            while self.workers and time.time() < end:
                try:
                    self._handle_signals()
                except KeyboardInterrupt:
                    _logger.info("Forced shutdown.")
                    break
                self._reap()
                time.sleep(0.1)
        for pid in self.workers:
            self._kill(pid, signal.SIGTERM)


class GeventServer:
    """The evented child: only QUIT and USR1 are handled, and it goes with its parent."""

    def run(self, preload, stop):
        signal.signal(signal.SIGQUIT, dump_stacks)
        signal.signal(signal.SIGUSR1, log_caches)
        journal.note("caught")
        parent = os.getppid()
        interface, port = config["http_interface"] or "0.0.0.0", config["gevent_port"]
        _logger.info("Evented Service (longpolling) running on %s:%s", interface, port)
        listener = socket.socket(socket.AF_INET6 if ":" in interface else socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((interface, port))
        listener.listen(128)
        Listener(listener)
        journal.note("ready", mode="gevent")
        stop = threading.Event()
        while not stop.wait(BEAT):
            if os.getppid() != parent:
                _logger.warning("Gevent Parent changed: %s", os.getpid())
                os.kill(os.getpid(), signal.SIGTERM)
