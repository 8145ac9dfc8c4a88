#!/usr/bin/env bash
# A whole Odoo 18 under odoo-entrypoint on this machine, from nothing, for as long as it runs: `make demo`.
#
# Installs what is missing from the distribution, builds, makes a throwaway PostgreSQL cluster and serves. When it ends, for
# whatever reason, its processes and its folder are gone; packages, the build and a downloaded Odoo stay.
#
#   ODOO_SOURCE=TREE     the source tree of Odoo 18 to run (default /opt/odoo-18.0, where there is one)
#   ODOO_WORKERS=2 ...   any variable of odoo-entrypoint is passed on to it (`odoo-entrypoint --help` lists them)
#   ODOO_HTTP_PORT, ODOO_GEVENT_PORT   the preferred ports, else 8069 and 8072; the next free one where one is taken
#   DEMO_DOUBLE=1        the stand-in for Odoo of the tests, whatever else there is: up in seconds
#   DEMO_VERBOSE=1       the log of odoo-entrypoint and Odoo here, not in a file
#
# Exit code: 0 after Ctrl-C or TERM, else odoo-entrypoint's own; 1 where it could not even be started.
set -euo pipefail

# A shell cannot trap what it was started to ignore, and background jobs of scripts are started to ignore INT.
ignored=$(sed -n 's/^SigIgn:\t*//p' /proc/$$/status)
if ((16#$ignored & 0x7)) && [ -z "${DEMO_SIGNALS_RESET:-}" ]; then
    DEMO_SIGNALS_RESET=1 exec env --default-signal=HUP,INT,QUIT bash "${BASH_SOURCE[0]}" "$@"
fi

scripts=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/provision.sh
. "$scripts/provision.sh"

caller_is_root=
[ "$(id -u)" != 0 ] || caller_is_root=yes

# --- stopping ---

folder='' step='' supervisor='' session='' postgres='' ports='' stopping=''

# Another signal while it stops goes on to odoo-entrypoint too, which then stops faster.
stop() {
    stopping=yes
    [ -z "$step" ] || kill -TERM -- "-$step" 2>/dev/null || true
    [ -z "$supervisor" ] || kill -TERM "$supervisor" 2>/dev/null || true
}

# Removes everything of this demo. Runs at every end of this script.
# shellcheck disable=SC2317 # a trap calls it
clean_up() {
    local code=$?
    trap '' HUP INT TERM
    set +e
    [ -z "$step" ] || kill -TERM -- "-$step" 2>/dev/null
    # odoo-entrypoint keeps to its own budget; this is the end for one that does not.
    end "$supervisor" TERM 300
    kill_session "$session"
    end "$postgres" INT 20
    end "$ports" TERM 5
    [ -z "$folder" ] || rm -rf -- "$folder"
    [ -z "$stopping" ] || say stopped "as asked${session:+, odoo-entrypoint ended with $code}; nothing is left behind"
    exit "$code"
}

# `end PID SIGNAL SECONDS`: asks, waits, and then no longer asks.
# shellcheck disable=SC2317
end() {
    [ -n "$1" ] || return 0
    kill "-$2" "$1" 2>/dev/null
    local tenths
    for ((tenths = $3 * 10; tenths > 0; tenths--)); do
        kill -0 "$1" 2>/dev/null || return 0
        sleep 0.1
    done
    printf 'process %s did not end in %s s and is killed\n' "$1" "$3" >&2
    kill -KILL "$1" 2>/dev/null
    wait "$1" 2>/dev/null
}

# odoo-entrypoint leads a session of its own. It leaves nobody there, unless it was killed itself.
# shellcheck disable=SC2317
kill_session() {
    [ -n "$1" ] || return 0
    local file stat fields
    for file in /proc/[0-9]*/stat; do
        { read -r stat <"$file"; } 2>/dev/null || continue
        # PID (NAME) STATE PPID PGRP SESSION; the name may hold anything.
        read -r -a fields <<<"${stat##*) }"
        [ "${fields[3]}" != "$1" ] || kill -KILL "${stat%% *}" 2>/dev/null
    done
}

# Lets time pass and notices what no signal tells: GNU make hands TERM on to this script but waits for it after an INT that only
# make was sent, inside its handler, with INT blocked; and a make that was killed is just gone.
made=
[[ $(cat "/proc/$PPID/comm" 2>/dev/null) != @(make|gmake) ]] || made=yes
tick() {
    sleep "$1" || true
    [ -n "$made" ] && [ -z "$stopping" ] || return 0
    local key value blocked=
    while read -r key value; do
        [ "$key" != SigBlk: ] || blocked=$value
    done 2>/dev/null <"/proc/$PPID/status" || true
    if [ -z "$blocked" ] || ((16#$blocked & 0x2)); then stop; fi
}

leave_if_asked() {
    [ -z "$stopping" ] || exit 0
}

# A long step that a signal may end: in a session of its own, so that its children end with it.
run_step() {
    setsid "$@" </dev/null &
    step=$!
    while kill -0 "$step" 2>/dev/null; do tick 0.2; done
    local code=0
    wait "$step" || code=$?
    step=''
    leave_if_asked
    return "$code"
}

# --- who runs what ---

# Odoo refuses root, PostgreSQL too.
postgres_user=(setpriv --pdeathsig INT)
odoo_user=(setpriv --pdeathsig TERM)
become_others() {
    [ -n "$caller_is_root" ] || return 0
    postgres_user+=(--reuid "$(id -u postgres)" --regid "$(id -g postgres)" --clear-groups)
    odoo_user+=(--reuid "$(id -u nobody)" --regid "$(id -g nobody)" --clear-groups)
}
give_to() { [ -z "$caller_is_root" ] || chown "$1:" "${@:2}"; }

# --- which Odoo ---

odoo_says='' odoo_is_real=yes python_path=''

# Settles `source_tree`. First of all, since a wrong one should not be found after minutes.
find_source_tree() {
    source_tree=''
    [ -z "${DEMO_DOUBLE:-}" ] || return 0
    if [ -n "${ODOO_SOURCE:-}" ]; then
        source_tree=$(cd -- "$ODOO_SOURCE" 2>/dev/null && pwd) || source_tree=''
        if [ -z "$source_tree" ] || [ ! -f "$source_tree/odoo-bin" ]; then
            fail "there is no Odoo in $ODOO_SOURCE" "ODOO_SOURCE=$ODOO_SOURCE (environment) holds no odoo-bin" \
                'set ODOO_SOURCE to a source tree of Odoo 18, or unset it'
        fi
    elif [ -f /opt/odoo-18.0/odoo-bin ]; then
        source_tree=/opt/odoo-18.0
    else
        return 0
    fi
    local release=$source_tree/odoo/release.py
    grep -q '^version_info = (18, 0,' "$release" 2>/dev/null || fail "$source_tree is not Odoo 18" \
        "odoo/release.py there says: $(grep '^version_info' "$release" 2>/dev/null || echo nothing)" \
        'set ODOO_SOURCE to a source tree of Odoo 18, or unset it'
}

choose_odoo() {
    local on_path
    if [ -n "${DEMO_DOUBLE:-}" ]; then
        use_double 'as DEMO_DOUBLE asks'
    elif [ -n "$source_tree" ]; then
        "${odoo_user[@]}" test -r "$source_tree/odoo-bin" || fail "Odoo cannot be run from $source_tree" \
            "$("${odoo_user[@]}" id -un) cannot read it, and Odoo does not run as root" \
            'move the tree out of that home, to /opt for instance, or run this as a user with sudo'
        odoo_says="Odoo 18 from the source tree $source_tree"
        wrap /usr/bin/python3 "$source_tree/odoo-bin"
    elif on_path=$(type -P odoo) && [[ $("${odoo_user[@]}" "$on_path" --version 2>/dev/null) == *'Odoo Server 18.0'* ]]; then
        odoo_says="Odoo 18 on the PATH, $on_path"
        wrap "$on_path"
    elif fetch_nightly; then
        need_odoo_packages "$nightly"
        odoo_says="the official nightly build, $nightly"
        python_path=$nightly/usr/lib/python3/dist-packages
        wrap /usr/bin/python3 "$nightly/usr/bin/odoo"
    else
        use_double 'no Odoo on this machine, and none could be downloaded'
    fi
    say odoo "$odoo_says"
}

use_double() {
    odoo_says="NOT Odoo but a stand-in (tests/double): $1"
    odoo_is_real=''
    # The checkout may be in a home that nobody else can enter.
    cp -R "$project/tests/double" "$folder/double"
    chmod -R a+rX "$folder/double"
    wrap /usr/bin/python3 "$folder/double/odoo-bin"
}

# Makes the executable that odoo-entrypoint starts.
wrap() {
    printf '#!/bin/sh\nexec' >"$folder/odoo-bin"
    printf " '%s'" "$@" >>"$folder/odoo-bin"
    printf ' "$@"\n' >>"$folder/odoo-bin"
    chmod 755 "$folder/odoo-bin"
}

# The build that the official image pins, verified before it is unpacked; kept for the next time.
nightly=''
fetch_nightly() {
    local pins=$scripts/odoo-nightly.sum cache sum name address
    address=$(sed -n 's/^# url: //p' "$pins")
    read -r sum name < <(grep -v '^#' "$pins")
    # What root keeps in its home, the user that Odoo runs as cannot read.
    cache=${XDG_CACHE_HOME:-$HOME/.cache}/odoo-entrypoint
    [ -z "$caller_is_root" ] || cache=/var/cache/odoo-entrypoint
    nightly=$cache/${name%.deb}
    [ ! -x "$nightly/usr/bin/odoo" ] || return 0
    (need_download) || return 1
    say odoo "none here; fetching $address$name"
    mkdir -p "$cache"
    local part
    part=$(mktemp -d "$cache/part.XXXXXX")
    if run_step curl -fsSL --connect-timeout 5 --speed-limit 20000 --speed-time 15 -o "$part/$name" "$address$name" 2>"$folder/curl.log"; then
        if ! (cd "$part" && printf '%s  %s\n' "$sum" "$name" | sha1sum --check --status); then
            rm -rf "$part"
            fail "the downloaded $name is not the pinned one" "its SHA-1 is not $sum (scripts/odoo-nightly.sum)" \
                'try again; if it stays so, compare with 18.0/Dockerfile of github.com/odoo/docker'
        fi
        say odoo 'verified; unpacking'
        dpkg-deb -x "$part/$name" "$part/tree"
        dpkg-deb -e "$part/$name" "$part/tree/DEBIAN"
        chmod -R a+rX "$part/tree"
        mv -T "$part/tree" "$nightly" || [ -x "$nightly/usr/bin/odoo" ]
        rm -rf "$part"
    else
        rm -rf "$part"
        rmdir "$cache" 2>/dev/null || true
        say odoo "not to be had: $(tail -n 1 "$folder/curl.log")"
        return 1
    fi
}

# --- the database ---

random_secret() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

start_postgres() {
    local programs cluster=$folder/postgres secret=$folder/superuser password
    programs=$(postgresql_programs)
    mkdir -m 700 "$cluster"
    password=$(random_secret)
    (umask 077 && printf '%s\n' "$password" >"$folder/password" && random_secret >"$secret")
    give_to nobody "$folder/password"
    give_to postgres "$cluster" "$secret"
    {
        "${postgres_user[@]}" "$programs/initdb" -D "$cluster" -U postgres -A scram-sha-256 --pwfile="$secret" \
            -E UTF8 --locale=C.UTF-8 --no-sync &&
            "${postgres_user[@]}" "$programs/postgres" --single -D "$cluster" postgres \
                <<<"CREATE ROLE odoo LOGIN CREATEDB NOSUPERUSER PASSWORD '$password'"
    } >"$folder/postgres.log" 2>&1 || postgres_failed
    rm "$secret"
    # It lives for minutes: nothing of it has to survive a power cut.
    setsid "${postgres_user[@]}" "$programs/postgres" -D "$cluster" -p "$postgres_port" -c listen_addresses=127.0.0.1 \
        -c unix_socket_directories= -c fsync=off -c synchronous_commit=off -c full_page_writes=off \
        >>"$folder/postgres.log" 2>&1 </dev/null &
    postgres=$!
    say postgresql "$("$programs/postgres" --version | sed 's/.*) //; s/ .*//') on 127.0.0.1:$postgres_port, role odoo (CREATEDB, no superuser)"
}

postgres_failed() {
    tail -n 15 "$folder/postgres.log" >&2
    fail 'PostgreSQL does not start' 'its last lines are above' 'mend what they say, then try again'
}

# --- the ports ---

choose_ports() {
    local wanted=("${ODOO_HTTP_PORT:-8069}" "${ODOO_GEVENT_PORT:-8072}" 8080 0) chosen
    setpriv --pdeathsig TERM /usr/bin/python3 "$scripts/free-ports.py" 127.0.0.1 "${wanted[@]}" \
        >"$folder/ports" 2>&1 </dev/null &
    ports=$!
    while [ ! -s "$folder/ports" ]; do
        kill -0 "$ports" 2>/dev/null || break
        sleep 0.05
    done
    read -r -a chosen <"$folder/ports" || true
    [[ "${#chosen[@]} ${chosen[0]:-}" =~ ^4\ [0-9]+$ ]] || fail 'no port for Odoo' "$(tail -n 1 "$folder/ports")" \
        'set ODOO_HTTP_PORT and ODOO_GEVENT_PORT to free ports above 1023'
    http_port=${chosen[0]} gevent_port=${chosen[1]} probes_port=${chosen[2]} postgres_port=${chosen[3]}
    local i
    for i in 0 1 2; do
        [ "${wanted[i]}" = "${chosen[i]}" ] || say ports "${wanted[i]} is taken, so ${chosen[i]} is used in its place"
    done
}

# --- odoo-entrypoint ---

start_serving() {
    # A deployment's environment: nothing of the caller's PostgreSQL or Python is meant for this one.
    local name
    for name in $(compgen -e); do
        case $name in PG* | POSTGRES_* | DB_* | PASSWORD* | PYTHON* | VIRTUAL_ENV) unset "$name" ;; esac
    done
    mkdir -m 700 "$folder/data" "$folder/runtime" "$folder/tmp" "$folder/pycache"
    printf '[options]\n' >"$folder/base.conf"
    give_to nobody "$folder/data" "$folder/runtime" "$folder/tmp" "$folder/pycache"
    export HOST=127.0.0.1 PORT=$postgres_port USER=odoo PASSWORD_FILE=$folder/password DB=${DB:-odoo}
    export ODOO_HTTP_PORT=$http_port ODOO_GEVENT_PORT=$gevent_port ODOO_DATA_DIR=$folder/data
    # With admin/admin this is for the machine's own users.
    export ODOO_HTTP_INTERFACE=${ODOO_HTTP_INTERFACE:-127.0.0.1} ODOO_RC=${ODOO_RC:-$folder/base.conf}
    export ENTRYPOINT_LISTEN=127.0.0.1:$probes_port ENTRYPOINT_ODOO_BIN=$folder/odoo-bin
    export ENTRYPOINT_RUNTIME_DIR=$folder/runtime
    export TMPDIR=$folder/tmp PYTHONPYCACHEPREFIX=$folder/pycache
    [ -z "$python_path" ] || export PYTHONPATH=$python_path
    cd /
    # Background jobs of a script ignore INT; Odoo must not inherit that.
    local run=("${odoo_user[@]}" env --default-signal "$folder/odoo-entrypoint")
    if [ -n "${DEMO_VERBOSE:-}" ]; then
        setsid "${run[@]}" </dev/null &
    else
        setsid "${run[@]}" >"$log" 2>&1 </dev/null &
    fi
    supervisor=$!
    session=$supervisor
}

show_log() {
    [ -f "$log" ] || return 0
    printf '%s\n' '--- the last lines of the log ---' >&2
    tail -n 30 "$log" >&2
}

# What is going on, by the log: the phase, and the module that is being installed.
progress() {
    [ -f "$log" ] || return 0
    sed -n 's/.* odoo-entrypoint: phase .* -> \([a-z ]*\) at .*/\1/p
        s/.*odoo.modules.loading: Loading module \([^ ]*\) (\([0-9]*\)\/\([0-9]*\)).*/init: module \1, \2 of \3/p' "$log" |
        tail -n 1 | sed 's/^waiting$/waiting for PostgreSQL/; s/^init$/init: installing modules/; s/^boot$/boot: Odoo starts/'
}

# Returns when it is ready or asked to stop; otherwise the script has ended.
wait_until_ready() {
    local begin=$SECONDS last='' now
    while [ -z "$stopping" ]; do
        if ! kill -0 "$supervisor" 2>/dev/null; then ended_by_itself; fi
        kill -0 "$postgres" 2>/dev/null || postgres_failed
        if "$folder/odoo-entrypoint" healthcheck --ready >/dev/null 2>&1; then break; fi
        now=$(progress)
        if [ -t 1 ]; then
            printf '\r\033[K%-14s %s (%s s)' phase "${now:-preflight}" $((SECONDS - begin))
        elif [ -n "$now" ] && [ "$now" != "$last" ]; then
            say phase "$now"
        fi
        last=$now
        tick 0.3
    done
    [ ! -t 1 ] || printf '\r\033[K'
}

ended_by_itself() {
    local code=0
    wait "$supervisor" || code=$?
    supervisor=''
    if [ -n "$stopping" ] && [ "$code" = 0 ]; then exit 0; fi
    show_log
    printf 'odoo-entrypoint ended with exit code %s%s\n' "$code" "${stopping:+ after it was asked to stop}" >&2
    exit "$code"
}

announce() {
    cat <<END

ready after $1 s

  Odoo      http://127.0.0.1:$http_port/web/login${odoo_is_real:+   user admin, password admin}
  probes    http://127.0.0.1:$probes_port/livez  /readyz  /startupz
  log       ${DEMO_VERBOSE:+here}${DEMO_VERBOSE:-$log}
  stop      Ctrl-C, or kill $$; nothing is left behind
END
    [ -n "$odoo_is_real" ] || printf '\n  This is %s.\n' "$odoo_says"
    case ${ODOO_WORKERS:-0} in
    0) ;;
    *) printf '\n  With workers a reverse proxy has to send /websocket to port %s; here is none, so no live updates.\n' "$gevent_port" ;;
    esac
    echo
}

main() {
    trap stop HUP INT TERM
    trap clean_up EXIT
    folder=$(mktemp -d "${TMPDIR:-/tmp}/odoo-entrypoint-demo.XXXXXX")
    log=$folder/odoo.log
    # What installations leave in case they are interrupted.
    mkdir "$folder/work"
    export TMPDIR=$folder/work
    find_source_tree
    need_for_serving "$source_tree"
    leave_if_asked
    need_rust
    say rust "$(cd "$project" && cargo --version)"
    leave_if_asked
    build
    become_others
    # Others have to get through it, and to no more than what is theirs.
    chmod 711 "$folder"
    choose_odoo
    leave_if_asked
    choose_ports
    local begin=$SECONDS
    start_postgres
    start_serving
    say serving "odoo-entrypoint, as user $("${odoo_user[@]}" id -un)"
    wait_until_ready
    [ -n "$stopping" ] || announce $((SECONDS - begin))
    while kill -0 "$supervisor" 2>/dev/null; do
        tick 0.5
    done
    ended_by_itself
}

build() {
    cd "$project"
    run_step cargo build --release --locked || fail 'the build failed' 'cargo says why, above' 'mend it, then try again'
    # The checkout may be in a home that nobody else can enter.
    install -m 755 "$(release_folder)/odoo-entrypoint" "$folder/odoo-entrypoint"
    say build "$(release_folder)/odoo-entrypoint, $(($(stat -c %s "$folder/odoo-entrypoint") / 1024)) KiB"
}

main
