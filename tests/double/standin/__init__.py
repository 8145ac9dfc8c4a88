"""The parts of the stand-in; see `odoo-bin` beside this package."""
