#!/bin/bash
# The peer of the benchmark: a shell entrypoint of the usual kind. It forwards the connection as flags, polls with
# Python and psycopg2 once a second, and becomes Odoo.
set -e
arguments=(--db_host "$HOST" --db_port "$PORT" --db_user "$USER" --db_password "$PASSWORD")
if [ -n "$ODOO_RC" ] && grep -qE '^[[:space:]]*db_host[[:space:]]*=' "$ODOO_RC"; then
    arguments=()
fi
/usr/bin/python3 - <<'PYTHON'
import os
import sys
import time

import psycopg2

end = time.time() + 30
while True:
    try:
        psycopg2.connect(
            host=os.environ["HOST"], port=os.environ["PORT"], user=os.environ["USER"],
            password=os.environ["PASSWORD"], dbname="postgres",
        ).close()
        break
    except psycopg2.OperationalError as error:
        if time.time() >= end:
            sys.exit(f"Database connection failure: {error}")
        time.sleep(1)
PYTHON
exec odoo "$@" "${arguments[@]}"
