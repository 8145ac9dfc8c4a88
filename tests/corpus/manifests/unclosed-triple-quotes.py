{
    'name': 'A',
    'description': """
Never closed
}
