manifest = {'name': 'A'}
