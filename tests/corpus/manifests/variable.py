{'name': 'A', 'version': VERSION}
