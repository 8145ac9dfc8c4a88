{‘name’: 'A'}
