{
    'name': 'A,
}
