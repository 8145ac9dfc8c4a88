{'name': 'A %s' % 1}
