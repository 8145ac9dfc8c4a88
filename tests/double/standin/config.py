"""Flags and configuration file: Python's optparse and RawConfigParser, used as Odoo 18 uses them.

Kept on purpose: the file is read twice and never reset, unknown keys are kept, only the four spellings True/true/False/false are
booleans, casts of file values fail with a traceback and those of flags with a usage error.
"""

import configparser
import optparse
import os
import tempfile

# flags, name, kind, default. Kinds: s text, i integer, f float, b switch on, n switch off, c choice.
LOG_LEVELS = "info debug_rpc warn test critical runbot debug_sql error debug debug_rpc_answer notset".split()
SSL_MODES = "disable allow prefer require verify-ca verify-full".split()
OPTIONS = [
    ("--without-demo", "without_demo", "s", False),
    ("-P --import-partial", "import_partial", "s", ""),
    ("--pidfile", "pidfile", "s", None),
    ("--upgrade-path", "upgrade_path", "s", None),
    ("--pre-upgrade-scripts", "pre_upgrade_scripts", "s", ""),
    ("--load", "server_wide_modules", "s", "base,web"),
    ("-D --data-dir", "data_dir", "s", None),
    ("--http-interface --xmlrpc-interface", "http_interface", "s", ""),
    ("-p --http-port --xmlrpc-port", "http_port", "i", 8069),
    ("--gevent-port", "gevent_port", "i", 8072),
    ("--no-http --no-xmlrpc", "http_enable", "n", True),
    ("--proxy-mode", "proxy_mode", "b", False),
    ("--x-sendfile", "x_sendfile", "b", False),
    ("--db-filter", "dbfilter", "s", ""),
    ("--test-file", "test_file", "s", False),
    ("--test-tags", "test_tags", "s", None),
    ("--screencasts", "screencasts", "s", None),
    ("--screenshots", "screenshots", "s", None),
    ("--logfile", "logfile", "s", None),
    ("--syslog", "syslog", "b", False),
    ("--log-db", "log_db", "s", False),
    ("--log-db-level", "log_db_level", "s", "warning"),
    ("--log-level", "log_level", LOG_LEVELS, "info"),
    ("--email-from", "email_from", "s", False),
    ("--from-filter", "from_filter", "s", False),
    ("--smtp", "smtp_server", "s", "localhost"),
    ("--smtp-port", "smtp_port", "i", 25),
    ("--smtp-ssl", "smtp_ssl", "b", False),
    ("--smtp-user", "smtp_user", "s", False),
    ("--smtp-password", "smtp_password", "s", False),
    ("--smtp-ssl-certificate-filename", "smtp_ssl_certificate_filename", "s", False),
    ("--smtp-ssl-private-key-filename", "smtp_ssl_private_key_filename", "s", False),
    ("-d --database", "db_name", "s", False),
    ("-r --db_user", "db_user", "s", False),
    ("-w --db_password", "db_password", "s", False),
    ("--pg_path", "pg_path", "s", None),
    ("--db_host", "db_host", "s", False),
    ("--db_replica_host", "db_replica_host", "s", False),
    ("--db_port", "db_port", "i", False),
    ("--db_replica_port", "db_replica_port", "i", False),
    ("--db_sslmode", "db_sslmode", SSL_MODES, "prefer"),
    ("--db_maxconn", "db_maxconn", "i", 64),
    ("--db_maxconn_gevent", "db_maxconn_gevent", "i", False),
    ("--db-template", "db_template", "s", "template0"),
    ("--load-language", "load_language", "s", None),
    ("-l --language", "language", "s", None),
    ("--i18n-export", "translate_out", "s", None),
    ("--i18n-import", "translate_in", "s", None),
    ("--i18n-overwrite", "overwrite_existing_translations", "b", False),
    ("--no-database-list", "list_db", "n", True),
    ("--shell-interface", "shell_interface", "s", None),
    ("--stop-after-init", "stop_after_init", "b", False),
    ("--osv-memory-count-limit", "osv_memory_count_limit", "i", 0),
    ("--transient-age-limit", "transient_age_limit", "f", 1.0),
    ("--max-cron-threads", "max_cron_threads", "i", 2),
    ("--limit-time-worker-cron", "limit_time_worker_cron", "i", 0),
    ("--unaccent", "unaccent", "b", False),
    ("--geoip-city-db --geoip-db", "geoip_city_db", "s", "/usr/share/GeoIP/GeoLite2-City.mmdb"),
    ("--geoip-country-db", "geoip_country_db", "s", "/usr/share/GeoIP/GeoLite2-Country.mmdb"),
    ("--workers", "workers", "i", 0),
    ("--limit-memory-soft", "limit_memory_soft", "i", 2048 << 20),
    ("--limit-memory-soft-gevent", "limit_memory_soft_gevent", "i", False),
    ("--limit-memory-hard", "limit_memory_hard", "i", 2560 << 20),
    ("--limit-memory-hard-gevent", "limit_memory_hard_gevent", "i", False),
    ("--limit-time-cpu", "limit_time_cpu", "i", 60),
    ("--limit-time-real", "limit_time_real", "i", 120),
    ("--limit-time-real-cron", "limit_time_real_cron", "i", -1),
    ("--limit-request", "limit_request", "i", 65536),
]
FILE_ONLY = {
    "admin_passwd": "admin",
    "csv_internal_sep": ",",
    "reportgz": False,
    "websocket_keep_alive_timeout": 3600,
    "websocket_rate_limit_burst": 10,
    "websocket_rate_limit_delay": 0.2,
}
OLD_NAMES = {"xmlrpc_port": "http_port", "xmlrpc_interface": "http_interface", "xmlrpc": "http_enable"}
BOOLEANS = {"True": True, "true": True, "False": False, "false": False}
# Tools look for Odoo's own addons beside `odoo/release.py`.
OWN_ADDONS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "odoo", "addons")


def _normalize(path):
    if not path:
        return ""
    return os.path.realpath(os.path.abspath(os.path.expanduser(os.path.expandvars(path.strip()))))


def _is_addons_dir(path):
    def is_module(name):
        inside = os.path.join(path, name)
        return os.path.isfile(os.path.join(inside, "__init__.py")) and any(
            os.path.isfile(os.path.join(inside, file)) for file in ("__manifest__.py", "__openerp__.py")
        )

    return any(is_module(name) for name in os.listdir(path))


def _check_addons_path(option, flag, value, parser):
    paths = []
    for path in value.split(","):
        path = _normalize(path)
        if not os.path.isdir(path):
            raise optparse.OptionValueError("option %s: no such directory: %r" % (flag, path))
        if not _is_addons_dir(path):
            raise optparse.OptionValueError("option %s: the path %r is not a valid addons directory" % (flag, path))
        paths.append(path)
    parser.values.addons_path = ",".join(paths)


class Config(dict):
    """The options by name, after `parse`."""

    def __init__(self):
        super().__init__(FILE_ONLY)
        # Without any usable directory for temporary files the import fails already.
        tempfile.gettempdir()
        home = os.path.expanduser("~")
        data = os.environ.get("XDG_DATA_HOME") or os.path.join(home, ".local", "share")
        self.rcfile = ""
        self.parser = optparse.OptionParser(version="Odoo Server 18.0")
        self.options = {}
        self._declare()
        self["data_dir"] = os.path.join(data, "Odoo") if os.path.isdir(home) else "/var/lib/odoo"
        self.parse([])

    def _declare(self):
        add = self.parser.add_option
        add("-c", "--config", dest="config")
        add("-s", "--save", action="store_true", dest="save")
        add("-i", "--init", dest="init")
        add("-u", "--update", dest="update")
        add("--dev", dest="dev_mode")
        add("--modules", dest="translate_modules")
        add("--test-enable", action="store_true", dest="test_enable")
        add("--addons-path", dest="addons_path", action="callback", callback=_check_addons_path, nargs=1, type="string")
        add("--log-handler", dest="log_handler", action="append", default=[])
        add("--log-web", dest="log_handler", action="append_const", const="odoo.http:DEBUG")
        add("--log-sql", dest="log_handler", action="append_const", const="odoo.sql_db:DEBUG")
        self.update(addons_path=None, log_handler=":INFO", dev_mode=None)
        types = {"s": {}, "i": {"type": "int"}, "f": {"type": "float"}}
        types.update(b={"action": "store_true"}, n={"action": "store_false"})
        for flags, name, kind, default in OPTIONS:
            more = {"type": "choice", "choices": kind} if isinstance(kind, list) else types[kind]
            self.options[name] = add(*flags.split(), dest=name, **more)
            self[name] = default

    def parse(self, arguments):
        """Reads the file and then the flags. Called at import without flags and once more with them."""
        given, rest = self.parser.parse_args(arguments)
        if rest:
            self.parser.error("unrecognized parameters: '%s'" % " ".join(rest))
        if given.syslog and given.logfile:
            self.parser.error("the syslog and logfile options are exclusive")
        if given.config and not given.save and not os.access(given.config, os.R_OK):
            self.parser.error(
                "The config file '%s' selected with -c/--config doesn't exist or is not readable, "
                "use -s/--save if you want to generate it" % given.config
            )
        self.rcfile = self._file(given.config)
        self._load()
        self._merge(given)
        several = "," in (self["db_name"] or "")
        if several and (given.init or given.update):
            self.parser.error(
                "Cannot use -i/--init or -u/--update with multiple databases in the -d/--database/db_name"
            )
        self["init"] = {name: True for name in (given.init or "").split(",") if name}
        self["update"] = {name: True for name in (given.update or "").split(",") if name}
        paths = self["addons_path"]
        self.addons_paths = [_normalize(path) for path in (paths or "").split(",") if path.strip()]
        if not paths or paths == "None":
            self.addons_paths = [OWN_ADDONS]
        self["addons_path"] = ",".join(self.addons_paths)
        self["data_dir"] = _normalize(self["data_dir"])
        for name in ("logfile", "pidfile"):
            self[name] = None if self[name] in ("None", "False") else _normalize(self[name])

    def _file(self, given):
        home, old = (os.path.expanduser("~/" + name) for name in (".odoorc", ".openerp_serverrc"))
        if os.path.isfile(home) and os.path.isfile(old):
            self.parser.error("Found '.odoorc' and '.openerp_serverrc' in your path. Please keep only one of them.")
        if not os.path.isfile(home) and os.path.isfile(old):
            home = old
        environment = os.environ.get("ODOO_RC") or os.environ.get("OPENERP_SERVER")
        return os.path.abspath(given or environment or home)

    def _load(self):
        """A file that is missing, unreadable or without [options] is silently as good as an empty one."""
        file = configparser.RawConfigParser()
        file.read([self.rcfile])
        if file.has_section("options"):
            for name, value in file.items("options"):
                self[OLD_NAMES.get(name, name)] = BOOLEANS.get(value, value)

    def _merge(self, given):
        for name, option in self.options.items():
            value = getattr(given, name, None)
            if value is not None:
                self[name] = value
            elif isinstance(self[name], str) and option.type in optparse.Option.TYPE_CHECKER:
                # Not caught by anybody: a traceback.
                self[name] = optparse.Option.TYPE_CHECKER[option.type](option, name, self[name])
        if given.addons_path:
            self["addons_path"] = given.addons_path
        if isinstance(self["log_handler"], str):
            self["log_handler"] = self["log_handler"].split(",")
        self["log_handler"].extend(given.log_handler)
        if self["server_wide_modules"] in ("", "None", "False"):
            self["server_wide_modules"] = "base,web"

    def databases(self):
        """The names in db_name, blanks and all."""
        return self["db_name"].split(",") if self["db_name"] else []


config = Config()
