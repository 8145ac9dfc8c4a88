{'name': 'A', 'license': 'LGPL-3', 'depends': None}
