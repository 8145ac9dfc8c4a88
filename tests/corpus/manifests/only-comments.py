# -*- coding: utf-8 -*-
# License LGPL-3
