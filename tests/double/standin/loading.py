"""Loading a database: which modules, in which order, in which transactions, and what is said about it."""

import logging
import os
import threading
import time
import xml.etree.ElementTree as ElementTree

from . import addons, database, journal
from .config import config
from .logs import for_database

_loading = logging.getLogger("odoo.modules.loading")
_registry = logging.getLogger("odoo.modules.registry")
_graph = logging.getLogger("odoo.modules.graph")
_migration = logging.getLogger("odoo.modules.migration")

# Held while anything is loaded: requests that need a registry wait for it.
lock = threading.RLock()
# The names of the loaded modules, by database.
registries = {}


class ParseError(Exception):
    pass


class Environment:
    """What hooks and the shell are given."""

    def __init__(self, cursor):
        self.cr = cursor
        self.uid = 1

    def __getitem__(self, model):
        import odoo

        return odoo.Anything()


def registry(name):
    """The loaded modules of a database, loading it first if need be."""
    with lock:
        if name not in registries:
            load(name)
        return registries[name]


def load(name, update=False):
    """Loads the database `name`; any exception has put transient module states back."""
    with lock:
        start = time.time()
        for_database(name)
        try:
            connection = database.connect(name)
            try:
                registries[name] = _Loader(name, connection, update).run()
                connection.commit()
            finally:
                connection.close()
        except Exception:
            _reset_states(name)
            _registry.error("Failed to load registry")
            registries.pop(name, None)
            raise
        if update:
            _registry.info("Registry changed, signaling through the database")
        _registry.info("Registry loaded in %.3fs", time.time() - start)
        return registries[name]


def preload(names):
    """Loads the databases a server starts with; 0, or -1 when one fails."""
    code = 0
    for name in names or []:
        try:
            load(name, update=bool(config["init"] or config["update"]))
        except Exception:
            logging.getLogger("odoo.service.server").critical(
                "Failed to initialize database `%s`.", name, exc_info=True
            )
            return -1
    return code


def _reset_states(name):
    try:
        connection = database.connect(name)
    except Exception:
        return
    try:
        cursor = connection.cursor()
        cursor.execute("SELECT to_regclass('ir_module_module')")
        if cursor.fetchone()[0]:
            cursor.execute("UPDATE ir_module_module SET state = 'installed' WHERE state IN ('to remove', 'to upgrade')")
            count = cursor.rowcount
            cursor.execute("UPDATE ir_module_module SET state = 'uninstalled' WHERE state = 'to install'")
            if count + cursor.rowcount:
                _loading.warning("Transient module states were reset")
        connection.commit()
    finally:
        connection.close()


class _Loader:
    def __init__(self, name, connection, update):
        self.name = name
        self.connection = connection
        self.cursor = connection.cursor()
        self.update = update
        self.graph = {}
        self.loaded = []
        self.processed = []

    def _all(self, query, *values):
        self.cursor.execute(query, values)
        return self.cursor.fetchall()

    def _states(self):
        return dict(self._all("SELECT name, state FROM ir_module_module"))

    def run(self):
        self.cursor.execute("SET SESSION lock_timeout = '15s'")
        if not self._all("SELECT to_regclass('ir_module_module')")[0][0]:
            if not self.update:
                _loading.error("Database %s not initialized, you can force it with `-i base`", self.name)
                return None
            _loading.info("init db")
            self._initialize()
            config["init"]["all"] = True
        if {"base", "all"} & set(config["update"]):
            self._mark(["base"], "installed", "to upgrade")
        self._load(["base"])
        if self.update:
            self._plan()
        before = -1
        while before < len(self.processed):
            before = len(self.processed)
            self._load_marked("installed", "to upgrade", "to remove")
            if self.update:
                self._load_marked("to install")
        self._complain()
        config["init"], config["update"] = {}, {}
        if self.update:
            self._uninstall()
        self.connection.commit()
        if self.update:
            self._all("SELECT nextval('base_registry_signaling')")
        _loading.info("Modules loaded.")
        return set(self.loaded)

    def _initialize(self):
        """The tables and the module list, in the transaction that installs `base`."""
        self.cursor.execute(database.SCHEMA)
        self._update_list()
        marked = {"base"}
        while True:
            # Chosen: what installs itself with what is chosen already, and what the chosen ones need.
            more = {name for name in self._states() if self._installs_itself(name, marked)}
            more = (more | {need for name in marked | more for need in self._needs(name)}) - marked
            if not more:
                break
            marked |= more
        self._mark(marked, "uninstalled", "to install")

    def _installs_itself(self, name, chosen):
        info = addons.manifest(name)
        return info and info["installable"] and info["auto_install"] and info["auto_install"] <= chosen

    def _needs(self, name):
        return [need for (need,) in self._all(
            "SELECT d.name FROM ir_module_module_dependency d JOIN ir_module_module m ON m.id = d.module_id"
            " WHERE m.name = %s", name)]

    def _mark(self, names, before, after):
        query = "UPDATE ir_module_module SET state = %s WHERE name = ANY(%s) AND state = %s"
        self.cursor.execute(query, (after, list(names), before))

    def _update_list(self):
        known = self._states()
        for name in addons.names():
            info = addons.manifest(name)
            if name in known:
                continue
            self.cursor.execute(
                "INSERT INTO ir_module_module (name, state, author, website, license, shortdesc, auto_install, application)"
                " VALUES (%s, %s, %s, %s, %s, jsonb_build_object('en_US', %s::text), %s, %s) RETURNING id",
                (name, "uninstalled" if info["installable"] else "uninstallable", info["author"], info["website"],
                 info["license"], info["name"], bool(info["auto_install"]), info["application"]),
            )
            module = self.cursor.fetchone()[0]
            for need in info["depends"]:
                self.cursor.execute(
                    "INSERT INTO ir_module_module_dependency (module_id, name) VALUES (%s, %s)", (module, need)
                )

    def _plan(self):
        """Marks what the flags ask for. Unknown names are a warning, names of modules that are not installed nothing."""
        _loading.info("updating modules list")
        self._update_list()
        asked = {name for name in [*config["init"], *config["update"]] if name != "all"}
        unknown = sorted(asked - set(self._states()))
        if unknown:
            _loading.warning("invalid module names, ignored: %s", ", ".join(unknown))
        states = self._states()
        install = {name for name in config["init"] if states.get(name) == "uninstalled"}
        chosen = {name for name, state in states.items() if state not in ("uninstalled", "uninstallable")}
        while install - chosen:
            for name in install - chosen:
                self._check_needs(name, states)
            chosen |= install
            install |= {need for name in install for need in self._needs(name)}
            install |= {name for name in states if self._installs_itself(name, chosen) and name not in chosen}
        self._mark(install, "uninstalled", "to install")
        upgrade = {name for name in config["update"] if states.get(name) in ("installed", "to upgrade")}
        if {"base", "all"} & set(config["update"]):
            upgrade |= {name for name, state in states.items() if state == "installed"}
        while True:
            more = {name for name, state in states.items()
                    if state == "installed" and name not in upgrade and upgrade & set(self._needs(name))}
            if not more:
                break
            upgrade |= more
        self._mark(upgrade, "installed", "to upgrade")
        self._mark(["base"], "to upgrade", "installed")
        # As in the first transaction of a module: nothing of this plan is committed before the first module is.
        journal.note("plan", install=sorted(install), upgrade=sorted(upgrade))

    def _check_needs(self, name, states):
        for need in self._needs(name):
            if states.get(need) in (None, "uninstallable"):
                raise Exception(
                    'You try to install module "%s" that depends on module "%s".\n'
                    "But the latter module is not available in your system." % (name, need)
                )

    def _load_marked(self, *states):
        rows = self._all("SELECT name FROM ir_module_module WHERE state = ANY(%s)", list(states))
        names = [name for (name,) in rows if name not in self.loaded]
        if names:
            self._load(names)

    def _load(self, names):
        added = self._add_to_graph(names)
        if not added:
            return
        start = time.time()
        order = sorted(self.graph, key=lambda name: (self.graph[name], name))
        _loading.info("loading %d modules...", len(order))
        done = 0
        for index, name in enumerate(order, 1):
            if name not in self.loaded:
                self._load_one(name, index, len(order))
                done += 1
        _loading.info("%d modules loaded in %.2fs, %d queries (+%d extra)", done, time.time() - start, done, done)

    def _add_to_graph(self, names):
        """Gives each name its depth; what is not installable or lacks a dependency stays outside."""
        waiting = {}
        for name in names:
            info = addons.manifest(name) if addons.path_of(name) else None
            if info and info["installable"]:
                waiting[name] = info["depends"]
            else:
                _graph.warning("module %s: not installable, skipped", name)
        added = []
        while True:
            ready = [name for name, needs in waiting.items() if all(need in self.graph for need in needs)]
            if not ready:
                break
            for name in ready:
                self.graph[name] = 1 + max((self.graph[need] for need in waiting.pop(name)), default=0)
                added.append(name)
        for name, needs in waiting.items():
            unmet = ", ".join(need for need in needs if need not in self.graph)
            _graph.info("module %s: Unmet dependencies: %s", name, unmet)
        return added

    def _load_one(self, name, index, total):
        start = time.time()
        (state, version), = self._all("SELECT state, latest_version FROM ir_module_module WHERE name = %s", name)
        transient = state in ("to install", "to upgrade")
        work = transient or bool({name, "all"} & set(config["init"])) or name in config["update"]
        level = logging.INFO if work else logging.DEBUG
        _loading.log(level, "Loading module %s (%d/%d)", name, index, total)
        if work:
            journal.note("module", module=name, step="begin", state=state)
            if state != "to install":
                self._migrate(name, version, "pre")
        python = addons.load_python(name)
        if work:
            self._install(name, state, version, python)
            # Odoo commits the module's data first; its new state goes with the next module's commit or the last one.
            self.connection.commit()
            self.cursor.execute(
                "UPDATE ir_module_module SET state = 'installed', latest_version = %s WHERE name = %s",
                (addons.manifest(name)["version"], name),
            )
            self.processed.append(name)
            journal.note("module", module=name, step="end")
        self.loaded.append(name)
        _loading.log(level, "Module %s loaded in %.2fs, %d queries", name, time.time() - start, 12)

    def _install(self, name, state, version, python):
        info = addons.manifest(name)
        new = state == "to install"
        environment = Environment(self.cursor)
        if new and info.get("pre_init_hook"):
            getattr(python, info["pre_init_hook"])(environment)
        _registry.info("module %s: creating or updating database tables", name)
        # A row that is really locked until this module's commit.
        self.cursor.execute("UPDATE ir_module_module SET write_date = now() WHERE name = %s", (name,))
        journal.delay("MODULE_DELAY")
        journal.crash("module=" + name)
        for file in info["data"]:
            _loading.info("loading %s/%s", name, file)
            _load_data(os.path.join(addons.path_of(name), file))
        self._migrate(name, version, "post")
        if new and info.get("post_init_hook"):
            getattr(python, info["post_init_hook"])(environment)

    def _migrate(self, name, version, stage):
        for label, path in addons.migrations(name, version, stage) if version else ():
            _migration.info("module %s: Running migration [%s>] %s", name, label, os.path.basename(path)[:-3])
            addons.run_script(path, self.cursor, version)

    def _complain(self):
        rows = self._all(
            "SELECT name FROM ir_module_module WHERE state = 'installed'"
            " OR (%s AND state IN ('to upgrade', 'to remove', 'to install')) ORDER BY name", self.update)
        missing = [name for (name,) in rows if name not in self.graph]
        if missing:
            text = "Some modules are not loaded, some dependencies or manifest may be missing: %s"
            _loading.error(text, missing)
        rows = self._all("SELECT name FROM ir_module_module WHERE state IN ('to install', 'to upgrade') ORDER BY name")
        if rows:
            text = "Some modules have inconsistent states, some dependencies may be missing: %s"
            _loading.error(text, [name for (name,) in rows])

    def _uninstall(self):
        names = [name for (name,) in self._all("SELECT name FROM ir_module_module WHERE state = 'to remove'")]
        if names:
            self._mark(names, "to remove", "uninstalled")
            _loading.info("Reloading registry once more after uninstalling modules")
            self.loaded = [name for name in self.loaded if name not in names]


def _load_data(path):
    """Only so much of a data file is understood that a broken one is refused."""
    if not path.endswith(".xml"):
        with open(path, "rb"):
            return
    for record in ElementTree.parse(path).iter("record"):
        if record.get("model", "").startswith("no.such."):
            raise ParseError("while parsing %s, somewhere inside\n%s" % (path, ElementTree.tostring(record, "unicode")))


def load_server_wide():
    """Imports what serves all databases; a module that cannot be imported is only an error in the log."""
    names = [name.strip() for name in config["server_wide_modules"].split(",")]
    for name in dict.fromkeys([*filter(None, names), "base", "web"]):
        try:
            if addons.path_of(name) is None:
                raise ModuleNotFoundError("No module named 'odoo.addons.%s'" % name)
            addons.load_python(name)
        except Exception:
            logging.getLogger("odoo.service.server").exception("Failed to load server-wide module `%s`.", name)
