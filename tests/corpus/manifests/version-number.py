{'name': 'A', 'license': 'LGPL-3', 'version': 1.0}
