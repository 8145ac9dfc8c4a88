#!/usr/bin/env bash
# Runs the demo as a person would, and looks from outside: it becomes ready, answers, stops when asked, and leaves nothing behind.
#
#   check-demo.sh [NAME=VALUE...]   variables for the demo, such as ODOO_WORKERS=2
#
# One line a check; exit code 1 when one failed.
# shellcheck disable=SC2317 # functions are called by name, through `check` and traps
set -euo pipefail

scripts=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# Everything of the demo has to be under its own folder, and that one under this.
place=$(mktemp -d)
chmod 711 "$place"
failed=0
demo=''

clean_up() {
    if [ -n "$demo" ] && kill -TERM "$demo" 2>/dev/null; then wait "$demo" || true; fi
    rm -rf -- "$place"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

check() {
    if "${@:2}"; then
        printf 'ok      %s\n' "$1"
    else
        printf 'FAILED  %s\n' "$1"
        failed=1
    fi
}

status_is() { [ "$(/usr/bin/python3 - "$1" <<'PYTHON'
import sys, urllib.error, urllib.request
try:
    print(urllib.request.urlopen(sys.argv[1], timeout=60).status)
except urllib.error.HTTPError as error:
    print(error.code)
except OSError as error:
    print(error)
PYTHON
)" = "$2" ]; }

# Processes with the folder in their environment or arguments: all that the demo starts have it there.
processes_of_it() {
    local folder pid
    for folder in /proc/[0-9]*; do
        pid=${folder#/proc/}
        [[ $pid != "$$" && $pid != "$BASHPID" ]] || continue
        if grep -qsF "$place" "$folder/cmdline" "$folder/environ"; then
            printf '%s %s\n' "$pid" "$(tr '\0' ' ' <"$folder/cmdline" 2>/dev/null)"
        fi
    done
}

no_process() {
    local left
    left=$(processes_of_it)
    [ -z "$left" ] || { printf '%s\n' "$left"; return 1; }
}

no_file() {
    local left
    left=$(find "$place" -mindepth 1 ! -name output)
    [ -z "$left" ] || { printf '%s\n' "$left"; return 1; }
}

silent() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

address_of() { grep -o 'http://[0-9.]*:[0-9]*' <(grep "^  $1 " "$place/output") | head -n 1; }

env TMPDIR="$place" "$@" "$scripts/demo.sh" >"$place/output" 2>&1 </dev/null &
demo=$!
begin=$SECONDS
until grep -q '^ready after' "$place/output"; do
    if ! kill -0 "$demo" 2>/dev/null || ((SECONDS - begin > 600)); then
        sed 's/^/        /' "$place/output"
        check "the demo becomes ready (after $((SECONDS - begin)) s)" false
        exit 1
    fi
    sleep 0.5
done
check "the demo $* becomes ready: $(grep '^odoo ' "$place/output" | tr -s ' '), $(grep '^ready' "$place/output")" true
odoo=$(address_of Odoo) probes=$(address_of probes)
check '/web/login is 200' status_is "$odoo/web/login" 200
for probe in livez readyz startupz; do check "/$probe is 200" status_is "$probes/$probe" 200; done
processes=$(processes_of_it | wc -l)
check "it consists of processes that can be found ($processes)" test "$processes" -ge 4
begin=$SECONDS
kill -TERM "$demo"
code=0
wait "$demo" || code=$?
demo=''
check "exit code 0 after TERM ($code, after $((SECONDS - begin)) s)" test "$code" = 0
check 'no process is left' no_process
check 'no file is left' no_file
check 'nobody listens on its ports' silent "${odoo##*:}"
check 'nobody answers probes' silent "${probes##*:}"
[ "$failed" = 0 ] || sed 's/^/        /' "$place/output"
exit "$failed"
