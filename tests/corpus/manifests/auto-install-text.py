{'name': 'A', 'license': 'LGPL-3', 'depends': ['base'], 'auto_install': 'base'}
