{['name']: 'A'}
