# shellcheck shell=bash
# What this project needs from the machine. Sourced by the demo, the tests and CI; Debian 12/13, Ubuntu 22.04/24.04.
#
# Under `pipefail` a `grep -q` must not end a pipe: it leaves early, and who still writes into it fails.
#
#   need_packages PACKAGE...     installs those that are missing; asks dpkg first, so nothing missing costs nothing
#   need_compiler                what a build needs besides Rust
#   need_rust                    a cargo that can build this project, first on the PATH
#   need_odoo_packages TREE      the Python packages that Odoo's own debian/control names
#   need_for_serving [TREE]      all of a build, PostgreSQL, and the packages of Odoo's TREE or of the double, in one go
#
# Each returns at once when there is nothing to do, and ends the script with a message in three parts (what, why, what to do)
# when it cannot help. Every package comes from the distribution, but for the Rust toolchain where that is too old.

project=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)

# `fail WHAT WHY WHAT_TO_DO`
fail() {
    printf 'error: %s\n  why: %s\n  fix: %s\n' "$1" "$2" "$3" >&2
    exit 1
}

# What is being done, for people. The demo has a form of its own.
say() { printf '%-14s %s\n' "$1" "$2"; }

have() { command -v "$1" >/dev/null 2>&1; }

version_at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$2" ]; }

# Runs a command as root. sudo asks for its password only where somebody can type one.
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

can_be_root() {
    [ "$(id -u)" = 0 ] || { have sudo && { sudo -n true 2>/dev/null || [ -t 0 ]; }; }
}

# Prints those of the packages that are not installed.
missing_packages() {
    local installed
    installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null || true)
    local package
    for package in "$@"; do
        grep -qx "installed $package" <<<"$installed" || printf '%s\n' "$package"
    done
}

need_packages() {
    have apt-get || fail 'cannot install packages' 'this machine has no apt-get' \
        "use Debian 12 or 13 or Ubuntu 22.04 or 24.04, or install the equivalent of: $*"
    local missing
    mapfile -t missing < <(missing_packages "$@")
    [ ${#missing[@]} = 0 ] || install_packages "${missing[@]}"
}

# Package lists are fetched once in a run, and only when something is missing.
package_lists_are_fresh=

fetch_package_lists() {
    can_be_root || fail "packages are missing: $*" 'this user is not root and cannot use sudo here' \
        "as root: apt-get update && apt-get install --no-install-recommends $*"
    [ -n "$package_lists_are_fresh" ] && return
    # One broken third-party list must not stop the rest; whether the packages can be had is said by the installation.
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q >/dev/null 2>&1 || true
    package_lists_are_fresh=yes
}

install_packages() {
    fetch_package_lists "$@"
    say packages "installing $*"
    local log
    log=$(mktemp)
    if ! as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
        -o DPkg::Lock::Timeout=300 "$@" >"$log" 2>&1 </dev/null; then
        tail -n 15 "$log" >&2
        rm -f "$log"
        fail "cannot install $*" 'apt-get install failed, its last lines are above' \
            "run it by hand: apt-get install --no-install-recommends $*"
    fi
    rm -f "$log"
}

# Whether apt knows the package.
package_exists() { grep -q '^  Candidate: [^(]' <<<"$(apt-cache policy "$1" 2>/dev/null)"; }

# What a build needs besides Rust: cargo links with cc, statically, so the C library's archive too; crates come over TLS.
compiler_packages() {
    printf '%s\n' ca-certificates libc6-dev
    have cc || echo gcc
}
need_compiler() {
    local packages
    mapfile -t packages < <(compiler_packages)
    need_packages "${packages[@]}"
}

# What fetches something outside the distribution.
need_download() { need_packages ca-certificates curl; }

# The folder of initdb and postgres, of the newest version that is installed; nothing where there is none.
postgresql_programs() {
    local folder
    for folder in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV); do
        if [ -x "$folder/initdb" ] && [ -x "$folder/postgres" ]; then
            printf '%s\n' "$folder"
            return
        fi
    done
}

postgresql_packages() { [ -n "$(postgresql_programs)" ] && have psql || printf '%s\n' postgresql-common postgresql; }

need_for_serving() {
    local packages odoo=()
    mapfile -t packages < <(
        compiler_packages
        postgresql_packages
        printf '%s\n' python3 python3-psycopg2
    )
    mapfile -t packages < <(missing_packages "${packages[@]}")
    if [ -n "${1:-}" ]; then mapfile -t odoo < <(missing_odoo_packages "$1"); fi
    packages+=("${odoo[@]%% *}")
    [ ${#packages[@]} = 0 ] && return
    fetch_package_lists "${packages[@]}"
    if [[ " ${packages[*]} " == *' postgresql '* ]]; then
        without_main_cluster need_packages "${packages[@]:0:${#packages[@]}-${#odoo[@]}}"
    else
        need_packages "${packages[@]:0:${#packages[@]}-${#odoo[@]}}"
    fi
    [ -z "${1:-}" ] || need_odoo_packages "$1"
}

# Debian's packages make a cluster and start it while they are installed. Nobody asked for that one, so they are told not to,
# for the time of a command.
without_main_cluster() {
    local settings=/etc/postgresql-common/createcluster.conf before code=0
    need_packages postgresql-common
    before=$(cat "$settings")
    as_root sed -i 's/^#\?create_main_cluster *=.*/create_main_cluster = false/' "$settings"
    # In a process of its own, so that the settings are put back however it ends.
    ("$@") || code=$?
    printf '%s\n' "$before" | as_root tee "$settings" >/dev/null
    [ "$code" = 0 ] || exit "$code"
}

# --- Rust ---

# The least version, from Cargo.toml; and the pinned one, from rust-toolchain.toml, for which rustup has to be there.
rust_least() { sed -n 's/^rust-version = "\(.*\)"/\1/p' "$project/Cargo.toml"; }
rust_pinned() { sed -n 's/^channel = "\(.*\)"/\1/p' "$project/rust-toolchain.toml"; }

# The version of the cargo that would build the project; empty where there is none that works.
cargo_version() { (cd "$project" && cargo --version 2>/dev/null | sed -n 's/^cargo \([0-9.]*\).*/\1/p'); }

cargo_is_good() {
    local version
    # An older rustup would fetch the pinned toolchain when cargo is asked for its version, without a word for a minute.
    if have rustup && [ -z "${RUSTUP_TOOLCHAIN:-}" ]; then
        grep -q "^$(rust_pinned)" <<<"$(rustup toolchain list 2>/dev/null)" || return 1
    fi
    version=$(cargo_version)
    [ -n "$version" ] && version_at_least "$version" "$(rust_least)"
}

# rustup knows the pinned toolchain from rust-toolchain.toml, yet may be told not to fetch it unasked. Where it cannot be
# fetched, an installed one that is new enough does.
rustup_toolchain() {
    have rustup || return 1
    say rust "rustup fetches toolchain $(rust_pinned)"
    if rustup toolchain install "$(rust_pinned)" --profile minimal --component clippy --component rustfmt >/dev/null 2>&1 &&
        cargo_is_good; then
        return
    fi
    local toolchain
    for toolchain in $(rustup toolchain list 2>/dev/null | sed 's/ .*//'); do
        export RUSTUP_TOOLCHAIN=$toolchain
        if cargo_is_good; then
            say rust "$(rust_pinned) cannot be fetched; building with $toolchain"
            return
        fi
    done
    unset RUSTUP_TOOLCHAIN
    return 1
}

# rustup's own installer, with its published checksum. Leaves shell profiles alone.
rustup_installer() {
    need_download
    local host folder code=0
    host=$(uname -m)-unknown-linux-gnu
    local address=${RUSTUP_UPDATE_ROOT:-https://static.rust-lang.org/rustup}/dist/$host/rustup-init
    say rust "fetching rustup's installer, $address"
    folder=$(mktemp -d)
    {
        curl -fsSL --connect-timeout 10 --retry 2 -o "$folder/rustup-init" "$address" &&
            printf '%.64s  rustup-init\n' "$(curl -fsSL --connect-timeout 10 --retry 2 "$address.sha256")" >"$folder/sum" &&
            (cd "$folder" && sha256sum --status -c sum) &&
            chmod +x "$folder/rustup-init" &&
            "$folder/rustup-init" -q -y --no-modify-path --profile minimal --default-toolchain none >/dev/null 2>&1
    } || code=$?
    rm -rf "$folder"
    [ "$code" = 0 ] && rustup_toolchain
}

need_rust() {
    # rustup's own place is not on every PATH (sudo, a shell that was open before).
    [ -x "$HOME/.cargo/bin/cargo" ] && ! have cargo && PATH=$PATH:$HOME/.cargo/bin
    if ! { have cargo && cargo_is_good; } && ! rustup_toolchain && ! distribution_rust; then
        PATH=$HOME/.cargo/bin:$PATH
        rustup_installer || fail 'no Rust toolchain that can build this project' \
            "it needs cargo $(rust_least) or newer; the distribution has none, and rustup's installer failed (no network?)" \
            'install Rust from https://rustup.rs, then try again'
    fi
    export PATH
    # In .cargo/config.toml this is "host-tuple", which only cargo 1.91 and newer know.
    CARGO_BUILD_TARGET=${CARGO_BUILD_TARGET:-$(cd "$project" && rustc -vV | sed -n 's/^host: //p')}
    export CARGO_BUILD_TARGET
}

# The distribution's rustup (Debian 13, Ubuntu 24.04), else its cargo if that is new enough.
distribution_rust() {
    have apt-get || return 1
    local least version
    least=$(rust_least)
    fetch_package_lists "rustup (or cargo $least)"
    if package_exists rustup; then
        install_packages rustup
        hash -r
        rustup_toolchain && return
    fi
    version=$(apt-cache policy cargo | sed -n 's/^  Candidate: \([0-9.]*\).*/\1/p')
    [ -n "$version" ] && version_at_least "$version" "$least" || return 1
    install_packages cargo
    # Not /usr/bin/cargo of the rustup package, which needs a toolchain of its own.
    hash -r
    cargo_is_good
}

# The folder of the built programs: the target is always named, so it is always a part of the path.
release_folder() { printf '%s\n' "${CARGO_TARGET_DIR:-$project/target}/$CARGO_BUILD_TARGET/release"; }

# --- Odoo ---

# The `Depends` of Odoo's package, of a source tree or of an unpacked package: one dependency a line, alternatives separated by
# blanks, without versions and substitutions.
odoo_dependencies() {
    local control=$1/debian/control
    [ -f "$control" ] || control=$1/DEBIAN/control
    awk '/^Package: odoo$/ { here = 1 } here && /^#/ { next }
        here && /^Depends:/ { on = 1; sub(/^Depends:/, ""); print; next } on && /^[^ \t]/ { exit } on' "$control" |
        tr ',\n' '\n ' | sed 's/([^)]*)//g; s/|/ /g; s/:any//g; s/\${[^}]*}//g; s/  */ /g; s/^ //; s/ $//; /^$/d'
}

# Prints what of them is missing, with the second choices behind the first. Only Python: fonts and the like are for reports,
# which a start does not need.
missing_odoo_packages() {
    local groups missing name group
    mapfile -t groups < <(odoo_dependencies "$1" | grep '^python3-')
    mapfile -t missing < <(missing_packages "${groups[@]%% *}")
    for name in "${missing[@]}"; do
        # lxml 5.2 moved a part that Odoo needs into a package of its own: an installed lxml is enough where it still has it. And
        # Odoo takes either PDF library, of which distributions have dropped the older.
        case $name in
        python3-lxml-html-clean) python_has lxml.html.clean && continue ;;
        python3-pypdf2) python_has pypdf && continue ;;
        esac
        for group in "${groups[@]}"; do
            [ "$group" != python3-pypdf2 ] || group='python3-pypdf2 python3-pypdf'
            [ "${group%% *}" != "$name" ] || printf '%s\n' "$group"
        done
    done
}

need_odoo_packages() {
    local missing group packages=()
    mapfile -t missing < <(missing_odoo_packages "$1")
    [ ${#missing[@]} = 0 ] && return
    fetch_package_lists "${missing[@]%% *}"
    for group in "${missing[@]}"; do
        packages+=("$(first_that_exists "$group")")
    done
    need_packages "${packages[@]}"
}

python_has() { /usr/bin/python3 -c "import $1" 2>/dev/null; }

# The first of the alternatives that apt knows; where it knows none, the first, since apt explains it best.
first_that_exists() {
    local alternatives name
    read -r -a alternatives <<<"$1"
    for name in "${alternatives[@]}"; do
        if package_exists "$name"; then
            printf '%s\n' "$name"
            return
        fi
    done
    printf '%s\n' "${alternatives[0]}"
}

# --- checks ---

# What `make lint` runs. rustup's toolchain has both cargo tools; the distribution's cargo has them in packages of their own.
need_lint() {
    cargo clippy --version >/dev/null 2>&1 || need_packages rust-clippy
    cargo fmt --version >/dev/null 2>&1 || need_packages rustfmt
    have shellcheck || need_packages shellcheck
}

# What `make test` and `make bench` run: with real Odoo too where there is a source tree of it.
need_for_tests() {
    local source=${ODOO_SOURCE:-/opt/odoo-18.0}
    [ -f "$source/odoo-bin" ] || source=''
    need_for_serving "$source"
    # The master password is verified as Odoo does it.
    need_packages python3-passlib
}
