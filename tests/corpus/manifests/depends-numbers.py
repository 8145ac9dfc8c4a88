{'name': 'A', 'license': 'LGPL-3', 'depends': ['base', 1]}
