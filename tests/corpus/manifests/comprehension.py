{'name': 'A', 'depends': [name for name in ()]}
