"""From argv to a server or a subcommand, in Odoo's order of steps."""

import os
import signal
import sys
import time

from . import journal

# Known words that end at once here, with a fact in the journal.
OTHERS = "cloc db deploy genproxytoken help neutralize obfuscate populate scaffold start tsconfig upgrade_code".split()


def main(arguments):
    os.environ["TZ"] = "UTC"
    time.tzset()
    listen = os.environ.get("LISTEN_PID") == str(os.getpid())
    facts = {"argv": sys.argv, "parent": os.getppid(), "listen": listen, "uid": os.getuid()}
    # The evented child is part of a server's start and not one of its own.
    journal.note("gevent" if arguments[:1] == ["gevent"] else "start", **facts)
    if os.environ.get("DOUBLE_IGNORE_TERM") == "boot":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    if arguments[:1] != ["gevent"]:
        journal.crash("boot")
    journal.delay("BOOT_DELAY")

    # Importing it reads the configuration file: a bad one ends everything, `--version` included.
    from .config import config

    evented = arguments[:1] == ["gevent"]
    if evented:
        del arguments[0]
    command = "server"
    if len(arguments) > 1 and arguments[0].startswith("--addons-path=") and not arguments[1].startswith("-"):
        config.parse([arguments.pop(0)])
    if arguments and not arguments[0].startswith("-"):
        command = arguments.pop(0)
    if command == "server":
        _server(arguments, evented)
    elif command == "shell":
        _shell(arguments)
    elif command in OTHERS:
        journal.note("command", command=command, arguments=arguments)
    else:
        sys.exit("Unknown command %r" % command)


def _server(arguments, evented):
    import getpass

    from .config import config

    # The environment's USER and its likes come first, the uid's name after them; an unknown uid without them is an error.
    if getpass.getuser() == "root":
        sys.stderr.write("Running as user 'root' is a security risk.\n")
    config.parser.prog = os.path.basename(sys.argv[0]) + " server"
    config.parse(arguments)
    _check_database_user(config)
    _report(config)
    from . import database

    for name in config.databases():
        try:
            database.create_if_missing(name)
            config["init"]["base"] = True
        except database.InsufficientPrivilege as error:
            _log().info("Could not determine if database %s exists, skipping auto-creation: %s", name, error)
        except database.DatabaseExists:
            pass
    if config["pidfile"]:
        with open(config["pidfile"], "w", encoding="utf-8") as file:
            file.write(str(os.getpid()))
    code = _run(config, evented, config.databases(), config["stop_after_init"])
    journal.note("exit", code=code or 0)
    sys.exit(code)


def _run(config, evented, preload, stop):
    from . import loading
    from .prefork import GeventServer, PreforkServer
    from .threaded import ThreadedServer

    loading.load_server_wide()
    server = GeventServer if evented else PreforkServer if config["workers"] else ThreadedServer
    return server().run(preload, stop)


def _log():
    import logging

    return logging.getLogger("odoo")


def _check_database_user(config):
    if (config["db_user"] or os.environ.get("PGUSER")) == "postgres":
        sys.stderr.write("Using the database user 'postgres' is a security risk, aborting.")
        sys.exit(1)


def _report(config):
    from . import addons, logs

    logs.setup()
    logger = _log()
    logger.info("Odoo version %s", "18.0")
    if os.path.isfile(config.rcfile):
        logger.info("Using configuration file at %s", config.rcfile)
    for path in config.addons_paths:
        if not os.path.exists(path):
            logger.warning("addons path does not exist: %s", path)
    logger.info("addons paths: %s", addons.roots())
    host = config["db_host"] or os.environ.get("PGHOST", "default")
    port = config["db_port"] or os.environ.get("PGPORT", "default")
    user = config["db_user"] or os.environ.get("PGUSER", "default")
    logger.info("database: %s@%s:%s", user, host, port)


def _shell(arguments):
    from .config import config

    config.parse(arguments)
    _report(config)
    _run(config, False, [], True)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    text = sys.stdin.read()
    names = {"__name__": "__main__"}
    journal.note("shell", text=text)
    if not config["db_name"]:
        exec(text, names)
        return
    from . import database, loading, logs

    logs.for_database(config["db_name"])
    loading.registry(config["db_name"])
    connection = database.connect(config["db_name"])

    class Cursor:
        """A cursor with its connection's commit and rollback, as Odoo's are."""

        def __getattr__(self, name):
            return getattr(connection if name in ("commit", "rollback") else inner, name)

    inner = connection.cursor()
    names["env"] = loading.Environment(Cursor())
    exec(text, names)
    connection.rollback()
