"""Log records in Odoo's format, on stderr."""

import logging
import os
import sys
import threading
import time

from .config import config

FORMAT = "%(asctime)s %(pid)s %(levelname)s %(dbname)s %(name)s: %(message)s %(perf_info)s"
BY_LEVEL = {
    "debug": ["odoo:DEBUG", "odoo.sql_db:INFO"],
    "debug_rpc": ["odoo:DEBUG", "odoo.sql_db:INFO"],
    "debug_sql": ["odoo.sql_db:DEBUG"],
    "warn": ["odoo:WARNING", "werkzeug:WARNING"],
    "error": ["odoo:ERROR", "werkzeug:ERROR"],
    "critical": ["odoo:CRITICAL", "werkzeug:CRITICAL"],
}
_COLOURS = {"DEBUG": 34, "INFO": 32, "WARNING": 33, "ERROR": 31, "CRITICAL": 37}


class _Fields(logging.Filter):
    def filter(self, record):
        record.pid = os.getpid()
        record.dbname = getattr(threading.current_thread(), "dbname", None) or "?"
        record.perf_info = getattr(record, "perf_info", "")
        return True


class _Coloured(logging.Formatter):
    def format(self, record):
        plain = record.levelname
        record.levelname = "\x1b[1;%dm\x1b[1;49m%s\x1b[0m" % (_COLOURS.get(plain, 32), plain)
        try:
            return super().format(record)
        finally:
            record.levelname = plain


def setup():
    """Called once the configuration is known; what fails before has no log."""
    handler = logging.StreamHandler(sys.stderr)
    if config["logfile"]:
        handler = logging.FileHandler(config["logfile"])
    coloured = not config["logfile"] and (sys.stderr.isatty() or os.environ.get("ODOO_PY_COLORS"))
    formatter = (_Coloured if coloured else logging.Formatter)(FORMAT)
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    handler.addFilter(_Fields())
    logging.getLogger().addHandler(handler)
    for item in [":INFO", *BY_LEVEL.get(config["log_level"], []), *config["log_handler"]]:
        name, level = item.strip().split(":")
        logging.getLogger(name).setLevel(getattr(logging, level, logging.INFO))


def for_database(name):
    """Names the database in this thread's records."""
    threading.current_thread().dbname = name
