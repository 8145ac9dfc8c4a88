{'name': 'A', 'website': 'C:\users\x'}
