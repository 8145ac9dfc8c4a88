{'name': 'A', 'depends': ('base']}
