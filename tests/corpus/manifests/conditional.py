{'name': 'A' if True else 'B'}
