{
    "name": "Discuss",
    "version": "1.0",
    "author": "Odoo S.A.",
    "license": "LGPL-3",
    "depends": ["base", "base_setup", "bus", "web_tour"],
    "auto_install": False,
}
