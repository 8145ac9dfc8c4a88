"""The pages: HTTP read from a socket, and what each address answers in which state of the database."""

import logging
import os
import re
import time
from urllib.parse import parse_qs, quote

import psycopg2

from . import addons, database, journal, loading
from .config import config
from .logs import for_database

_access = logging.getLogger("werkzeug")
_http = logging.getLogger("odoo.http")
REASONS = {200: "OK", 302: "FOUND", 303: "SEE OTHER", 404: "NOT FOUND", 500: "INTERNAL SERVER ERROR"}


class Request:
    def __init__(self, method, target, headers):
        self.method = method
        self.path, _, query = target.partition("?")
        self.query = parse_qs(query)
        self.headers = headers


def read_request(client):
    """The request's head; `None` when the client went away. A body is not read."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = client.recv(65536)
        if not chunk:
            return None
        data += chunk
    lines = data.split(b"\r\n\r\n", 1)[0].decode("latin-1").split("\r\n")
    method, target, _ = (lines[0] + "  ").split(" ", 2)
    headers = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return Request(method, target, headers)


def serve(client, address):
    """Reads one request from a connection, answers it and closes the connection."""
    with client:
        try:
            request = read_request(client)
            if request is None:
                return
            start = time.time()
            while journal.Hang.http():
                time.sleep(3600)
            status, headers, body = answer(request)
            journal.note("request", path=request.path, status=status)
            head = "HTTP/1.0 %d %s\r\nServer: Double\r\nConnection: close\r\n" % (status, REASONS[status])
            head += "".join("%s: %s\r\n" % header for header in headers)
            head += "Content-Length: %d\r\n\r\n" % len(body)
            client.sendall(head.encode() + (b"" if request.method == "HEAD" else body))
            when = time.strftime("%d/%b/%Y %H:%M:%S", time.gmtime())
            text = '%s - - [%s] "%s %s HTTP/1.1" %d -'
            perf = "1 0.001 %.3f" % (time.time() - start)
            _access.info(text, address[0], when, request.method, request.path, status, extra={"perf_info": perf})
        except OSError:
            # The client gave up; a timed out probe is one.
            pass


def answer(request):
    """Status, headers and body for a request, whatever goes wrong."""
    try:
        return _dispatch(request)
    except Exception:
        _http.exception("Exception during request handling.")
        return _html(500, "<h1>Internal Server Error</h1>")


def _dispatch(request):
    request.headers["host"]  # Odoo takes it for granted: an error 500 without it
    _check_addons()
    _check_sessions()
    static = _static(request.path)
    if static:
        return static
    names = _visible()
    name = names[0] if len(names) == 1 else None
    if name:
        for_database(name)
        try:
            return _with_database(request, _usable(name))
        except (psycopg2.OperationalError, psycopg2.ProgrammingError):
            _http.warning("Database or registry unusable, trying without", exc_info=True)
    return _without_database(request, name)


def _check_addons():
    """One unlistable directory or bad manifest anywhere is an error for every request."""
    for module in addons.names():
        addons.manifest(module)


def _check_sessions():
    """The directory is made at the first request; it has to be writable although a probe's session is never written."""
    path = os.path.join(config["data_dir"], "sessions")
    os.makedirs(path, 0o700, exist_ok=True)
    assert os.access(path, os.W_OK), "%s: directory is not writable" % path


def _static(path):
    parts = path.split("/")
    if len(parts) < 4 or parts[2] != "static" or ".." in parts:
        return None
    root = addons.path_of(parts[1])
    file = root and os.path.join(root, *parts[2:])
    if not file or not os.path.isfile(file):
        return None
    with open(file, "rb") as content:
        return 200, [("Content-Type", "application/octet-stream")], content.read()


def _visible():
    """With db_name and no filter PostgreSQL is not asked."""
    if config["db_name"] and not config["dbfilter"]:
        return [name.strip() for name in config.databases()]
    try:
        names = database.list_owned()
    except psycopg2.OperationalError:
        return []
    return [name for name in names if re.match(config["dbfilter"] or "", name)]


def _usable(name):
    """The modules of a database that answers now."""
    modules = loading.registry(name)
    connection = database.connect(name)
    try:
        cursor = connection.cursor()
        cursor.execute("SELECT last_value FROM base_registry_signaling" if modules else "SELECT 1")
    finally:
        connection.close()
    if modules is None:
        raise KeyError("ir.http")
    return modules


def _with_database(request, modules):
    path = request.path
    if path == "/":
        return _redirect(303, "/odoo")
    if path in ("/web", "/odoo"):
        return _redirect(303, "/web/login?redirect=" + quote(path + "?", safe=""))
    if path == "/web/login":
        return _html(200, "<form class='oe_login_form'></form>")
    if path == "/websocket/health" and "bus" in modules:
        return _json(200, '{"status": "pass"}')
    return _anywhere(request)


def _without_database(request, name):
    path = request.path
    if path == "/":
        return _redirect(303, "/odoo")
    if path in ("/web", "/odoo", "/web/login"):
        if name is None:
            return _redirect(303, "/web/database/selector")
        # The database is chosen again and again, and each time a session is written.
        session = os.path.join(config["data_dir"], "sessions", os.urandom(1).hex())
        os.makedirs(session, 0o700, exist_ok=True)
        with open(os.path.join(session, os.urandom(16).hex()), "w", encoding="utf-8") as file:
            file.write('{"db": "%s"}' % name)
        return _redirect(302, path)
    return _anywhere(request)


def _anywhere(request):
    path = request.path
    if path == "/web/health":
        return _health(any(request.query.get("db_server_status", [])))
    if path in ("/web/database/selector", "/web/database/manager"):
        return _html(200, "<h1>Databases</h1>")
    if path == "/double/eat":
        return _html(200, str(len(b"x" * (int(request.query["mb"][0]) << 20))))
    if path == "/double/slow":
        time.sleep(float(request.query["seconds"][0]))
        return _html(200, "slow")
    return _html(404, "<h1>Not Found</h1>")


def _health(ask):
    if not ask:
        return _json(200, '{"status": "pass"}')
    try:
        database.connect("postgres").close()
    except psycopg2.Error:
        return _json(500, '{"status": "fail", "db_server_status": false}')
    return _json(200, '{"status": "pass", "db_server_status": true}')


def _json(status, text):
    return status, [("Content-Type", "application/json; charset=utf-8"), ("Cache-Control", "no-store")], text.encode()


def _html(status, text):
    return status, [("Content-Type", "text/html; charset=utf-8")], text.encode()


def _redirect(status, location):
    return status, [("Content-Type", "text/html; charset=utf-8"), ("Location", location)], b""
