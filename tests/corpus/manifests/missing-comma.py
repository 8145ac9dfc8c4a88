{
    'name': 'A'
    'version': '18.0.1.0.0',
}
