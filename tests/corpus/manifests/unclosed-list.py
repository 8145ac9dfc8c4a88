{
    'name': 'A',
    'depends': ['base',
    'data': [],
}
