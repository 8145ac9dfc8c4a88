{'name': 'A' b'B'}
