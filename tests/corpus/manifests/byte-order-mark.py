{'name': 'A'}
