{
    'version': 1,
    'license': 3,
    'depends': {},
    'category': 0,
    'external_dependencies': ['requests'],
}
