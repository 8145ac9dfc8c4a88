['name', 'A']
