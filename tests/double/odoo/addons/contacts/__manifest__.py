{
    "name": "Contacts",
    "version": "1.0",
    "author": "Odoo S.A.",
    "license": "LGPL-3",
    "depends": ["base", "mail"],
    "auto_install": False,
}
