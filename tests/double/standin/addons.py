"""Modules on disk: where they are, what their manifests say, and their Python."""

import ast
import importlib.util
import logging
import os
import re
import sys

from .config import OWN_ADDONS, config

_logger = logging.getLogger("odoo.modules.module")
SERIES = "18.0"
_cache = {}


def roots():
    """Where modules are looked for, first match first."""
    extra = os.path.join(config["data_dir"], "addons", SERIES)
    return list(dict.fromkeys([OWN_ADDONS, *([extra] if os.path.isdir(extra) else []), *config.addons_paths]))


def names():
    """All modules on the path. A directory that cannot be listed fails, as it does in Odoo."""
    found = []
    for root in roots():
        for name in sorted(os.listdir(root)):
            if name not in found and _manifest_file(root, name):
                found.append(name)
    return found


def path_of(name):
    return next((os.path.join(root, name) for root in roots() if _manifest_file(root, name)), None)


def _manifest_file(root, name):
    files = (os.path.join(root, name, file) for file in ("__manifest__.py", "__openerp__.py"))
    return next((file for file in files if os.path.isfile(file)), None)


def manifest(name):
    """The manifest with its defaults; `None` when there is no such module."""
    if name not in _cache:
        path = path_of(name)
        if path is None:
            return None
        with open(_manifest_file(os.path.dirname(path), name), encoding="utf-8") as file:
            content = ast.literal_eval(file.read())
        info = {"installable": True, "auto_install": False, "depends": [], "data": [], "version": "1.0"}
        info.update(license="LGPL-3", author="Odoo S.A.", name=name, application=False, website="", summary="")
        info.update(content)
        if "license" not in content:
            _logger.warning("Missing `license` key in manifest for %r, defaulting to LGPL-3", name)
        if isinstance(info["auto_install"], (list, tuple, set)):
            assert set(info["auto_install"]) <= set(info["depends"])
            info["auto_install"] = set(info["auto_install"])
        elif info["auto_install"]:
            info["auto_install"] = set(info["depends"])
        info["version"] = _version(name, str(info["version"]), info["installable"])
        _cache[name] = info
    return _cache[name]


def _version(name, version, installable):
    if version == SERIES or not version.startswith(SERIES + "."):
        version = "%s.%s" % (SERIES, version)
    if installable and not re.match(r"^\d+\.\d+(\.\d+)?$", version[len(SERIES) + 1 :]):
        raise ValueError("Module %s: invalid manifest: Invalid version %r" % (name, version))
    return version


def load_python(name):
    """Imports the module as `odoo.addons.NAME`."""
    full = "odoo.addons." + name
    if full in sys.modules:
        return sys.modules[full]
    try:
        path = path_of(name)
        spec = importlib.util.spec_from_file_location(
            full, os.path.join(path, "__init__.py"), submodule_search_locations=[path]
        )
        module = importlib.util.module_from_spec(spec)
        sys.modules[full] = module
        spec.loader.exec_module(module)
    except Exception:
        sys.modules.pop(full, None)
        _logger.critical("Couldn't load module %s", name)
        raise
    return module


def migrations(name, installed, stage):
    """The scripts of `stage` (pre, post, end) between the installed version and the one on disk."""
    key = lambda version: [int(part) for part in re.findall(r"\d+", version)]
    target = manifest(name)["version"]
    for directory in ("migrations", "upgrades"):
        base = os.path.join(path_of(name), directory)
        for version in sorted(os.listdir(base) if os.path.isdir(base) else [], key=key):
            full = version if version.startswith(SERIES + ".") else "%s.%s" % (SERIES, version)
            if key(installed or "0") < key(full) <= key(target):
                for file in sorted(os.listdir(os.path.join(base, version))):
                    if file.startswith(stage + "-") and file.endswith(".py"):
                        yield version, os.path.join(base, version, file)


def run_script(path, cursor, version):
    spec = importlib.util.spec_from_file_location("migration_script", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    script.migrate(cursor, version)
