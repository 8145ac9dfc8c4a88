{
    "name": "Tours",
    "version": "1.0",
    "author": "Odoo S.A.",
    "license": "LGPL-3",
    "depends": ["web"],
    "auto_install": True,
}
