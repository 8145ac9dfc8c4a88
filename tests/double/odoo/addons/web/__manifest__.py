{
    "name": "Web",
    "version": "1.0",
    "author": "Odoo S.A.",
    "license": "LGPL-3",
    "depends": ["base"],
    "auto_install": True,
}
