{'name': 'A', 'depends': ['base' ['web']]}
