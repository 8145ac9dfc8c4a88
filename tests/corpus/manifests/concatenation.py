{'name': 'A' + 'B'}
