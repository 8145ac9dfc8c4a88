{'name': 'A', 'license': 'LGPL-3', 'category': ['Sales']}
