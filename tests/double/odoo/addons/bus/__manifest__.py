{
    "name": "IM Bus",
    "version": "1.0",
    "author": "Odoo S.A.",
    "license": "LGPL-3",
    "depends": ["base", "web"],
    "auto_install": True,
}
