.DEFAULT_GOAL := help
.PHONY: help demo build test lint bench fuzz check clean
SHELL := bash
.SHELLFLAGS := -euo pipefail -c

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

demo: ## a whole Odoo 18 under odoo-entrypoint, from a bare Debian or Ubuntu; Ctrl-C removes it
	@scripts/demo.sh

build: ## the release binary
	@. scripts/provision.sh; need_compiler; need_rust; cargo build --release --locked; release_folder

test: ## all tests; with an Odoo source tree (ODOO_SOURCE, /opt/odoo-18.0) also those with real Odoo
	@. scripts/provision.sh; need_for_tests; need_rust; cargo test --locked

lint: ## formatting, clippy, shellcheck; warnings are errors
	@. scripts/provision.sh; need_compiler; need_rust; need_lint; \
	cargo fmt --check; cargo clippy --all-targets --locked -- -D warnings; shellcheck -x scripts/*.sh .ci/run

bench: ## the measurements
	@. scripts/provision.sh; need_for_tests; need_packages tini dumb-init s6 supervisor; need_rust; cargo bench --locked

fuzz: ## ten minutes of random input for each parser
	@scripts/fuzz.sh

check: ## what CI runs
	@.ci/run

clean: ## removes what was built
	@. scripts/provision.sh; need_rust; cargo clean
