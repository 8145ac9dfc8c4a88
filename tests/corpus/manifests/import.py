import os
{'name': 'A'}
