{'name': 'A'}
    