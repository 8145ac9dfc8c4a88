{
    "name": "Base",
    "version": "1.3",
    "author": "Odoo S.A.",
    "license": "LGPL-3",
    "depends": [],
    "auto_install": False,
}
