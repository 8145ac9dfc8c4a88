{'name': 'A', 'license': ['LGPL-3']}
