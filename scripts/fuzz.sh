#!/usr/bin/env bash
# Fuzzes the parsers of odoo.conf and of manifests with cargo-fuzz, starting from the kept corpus.
#
#   scripts/fuzz.sh [SECONDS] [TARGET...]     600 seconds for each of manifest and odoo_conf
#
# Ends with an error as soon as an input makes a target panic; that input is then in fuzz/artifacts. What was found on the
# way stays in fuzz/corpus/<target>, as few files as reach the same code.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

# shellcheck source=scripts/provision.sh
. scripts/provision.sh

seconds=${1:-600}
[[ $seconds =~ ^[0-9]+$ ]] || fail 'cannot understand the arguments' "$seconds is no number of seconds" 'scripts/fuzz.sh 600 manifest'
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(manifest odoo_conf)

need_compiler
need_packages g++
need_rust
cargo fuzz --version >/dev/null 2>&1 || cargo install cargo-fuzz --locked

# Coverage and sanitizers are unstable flags; the pinned stable compiler has them all the same.
export RUSTC_BOOTSTRAP=1
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
for target in "${targets[@]}"; do
    say "$target" "$seconds s"
    mkdir "$work/found" "$work/kept"
    cargo fuzz run "$target" "$work/found" "fuzz/corpus/$target" -- \
        -max_total_time="$seconds" -max_len=4096 -timeout=10 -dict="fuzz/$target.dict" -print_final_stats=1
    # One input for each edge of the code is enough to keep; how often it is passed does not count.
    cargo fuzz run "$target" "$work/kept" "fuzz/corpus/$target" "$work/found" -- -set_cover_merge=1 -use_counters=0 -max_len=4096
    rm -rf -- "fuzz/corpus/${target:?}" "$work/found"
    mv "$work/kept" "fuzz/corpus/$target"
done
