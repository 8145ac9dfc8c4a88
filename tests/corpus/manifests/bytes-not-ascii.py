{'name': b'café'}
