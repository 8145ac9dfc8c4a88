{'name': 'A', 'license': 'LGPL-3', 'version': '17.0.1.0.0'}
