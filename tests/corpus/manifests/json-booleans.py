{'name': 'A', 'installable': true}
