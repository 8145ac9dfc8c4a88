"""What Python itself takes a file for that Odoo reads as a manifest.

`reference.py literals CASES ANSWERS`: CASES holds cases, each a line with its length in bytes and then the bytes. ANSWERS
gets a line for each: `= DUMP` of the value, or `! ERROR`.

`reference.py manifests SOURCE ROOTS ANSWERS`: the same for every module of the roots (joined by `:`), with Odoo's own
`load_manifest`: a line `PATH<TAB>= JSON` or `PATH<TAB>! ERROR`.

`reference.py path SOURCE ANSWERS`: the folders that Odoo looks for modules in, in its order, configured by ODOO_RC.
"""

import ast
import io
import json
import os
import struct
import sys
import warnings

# ODOO_LIMIT_LITEVAL_BUFFER
LIMIT = 102400


def dump(value):
    """The form of tests/integration/addons/literals.rs."""
    kind = type(value)
    if value is None or value is True or value is False or value is ...:
        return repr(value)
    if kind is int:
        return "i" + hex(value)
    if kind is float:
        return "f" + struct.pack(">d", value).hex()
    if kind is complex:
        return "c" + struct.pack(">dd", value.real, value.imag).hex()
    if kind is str:
        return "s" + value.replace("\\N{EM DASH}", "\u2014").encode("utf-8", "backslashreplace").hex()
    if kind is bytes:
        return "b" + value.hex()
    if kind is tuple:
        return "(" + "".join(dump(item) + "," for item in value) + ")"
    if kind is list:
        return "[" + "".join(dump(item) + "," for item in value) + "]"
    if kind is set:
        return "{" + "".join(item + "," for item in sorted(map(dump, value))) + "}"
    assert kind is dict, kind
    return "{" + "".join(dump(key) + ":" + dump(item) + "," for key, item in value.items()) + "}"


def answer(case):
    try:
        # As odoo.tools.misc.file_open opens it and odoo/_monkeypatches/literal_eval.py limits it.
        text = io.TextIOWrapper(io.BytesIO(case), encoding="utf-8").read()
        if len(text) > LIMIT:
            raise ValueError("expression can't exceed buffer limit")
        value = ast.literal_eval(text)
    except Exception as error:
        message = f"{type(error).__name__}: {error}"
        return "! " + message.encode("ascii", "backslashreplace").decode().replace("\n", " ")
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(limit * 10)
    try:
        return "= " + dump(value)
    finally:
        sys.setrecursionlimit(limit)


def literals(cases, answers):
    warnings.simplefilter("ignore")
    with open(cases, "rb") as source, open(answers, "w") as target:
        while line := source.readline():
            case = source.read(int(line))
            target.write(answer(case) + "\n")


def manifests(source, roots, answers):
    sys.path.insert(0, source)
    roots = roots.split(":")
    os.environ.pop("ODOO_RC", None)
    import odoo

    odoo.tools.config.parse_config(["--addons-path=" + ",".join(roots)])
    from odoo.modules import module

    with open(answers, "w") as target:
        for root in roots:
            for name in sorted(os.listdir(root)):
                path = os.path.join(root, name)
                if not module.module_manifest(path):
                    continue
                try:
                    manifest = module.load_manifest(name, path)
                    kept = {key: manifest[key] for key in ("version", "license", "depends")}
                    kept["title"] = manifest.get("name", "")
                    kept["installable"] = bool(manifest["installable"])
                    triggers = manifest["auto_install"]
                    kept["auto_install"] = None if triggers is False else sorted(triggers)
                    text = "= " + json.dumps(kept)
                except Exception as error:
                    text = f"! {type(error).__name__}: {error}".replace("\n", " ")
                target.write(f"{path}\t{text}\n")


def path(source, answers):
    # As for `SOURCE/odoo-bin`.
    sys.path[0] = source
    import odoo

    odoo.tools.config.parse_config([])
    odoo.modules.module.initialize_sys_path()
    with open(answers, "w") as target:
        target.writelines(folder + "\n" for folder in odoo.addons.__path__)


{"literals": literals, "manifests": manifests, "path": path}[sys.argv[1]](*sys.argv[2:])
