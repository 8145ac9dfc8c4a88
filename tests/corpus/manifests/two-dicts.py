{'name': 'A'}
{'version': '1.0'}
