{'name': 'A'}
