{'name': 'A', 'sequence': 010}
