{'name': f'A {1}'}
