{
    'name': 'A',
    'depends': ['base'],
