# What people and CI run, by the same names. `make` lists it.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo bench test lint fmt cluster host plugin jar clean

SUITES = lint unit agent cluster java integration api fuzz jar
GOFLAGS ?= -mod=readonly
export GOFLAGS

target := $(or $(CARGO_TARGET_DIR),target)
release := $(target)/release
host := tests/clouddriver-host
host_sources := $(shell find $(host)/src/main $(host)/build.gradle build.gradle settings.gradle gradle -type f)
plugin := jvm-bridge
plugin_sources := $(shell find $(plugin)/src/main $(plugin)/build.gradle build.gradle settings.gradle gradle -type f)

DOOR := sidecar
demo_plugin := $(filter plugin,$(DOOR))
$(if $(filter-out sidecar plugin,$(DOOR)),$(error DOOR is sidecar or plugin, not $(DOOR)))

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1|/p' Makefile | while IFS='|' read -r name text; do \
	  printf 'make %-9s %s\n' "$$name" "$$text"; done

demo: ## one account's way, on real parts; DOOR=plugin, ONCE=1 ends by itself, KUBECONFIG=FILE takes your cluster
	@scripts/need.sh cargo cc go javac gradle flock curl $(if $(demo_plugin),mariadb)
	@$(MAKE) -s --no-print-directory cluster host
	@# With a test: cargo then chooses features as it does for all tests, and nothing is built twice.
	@cargo build --locked --workspace --lib --bins --test configuration
	@$(if $(demo_plugin),gradle --no-daemon --console=plain -q :jvm-bridge:jar)
	@exec $(target)/debug/ferry-demo $(if $(demo_plugin),--plugin) $(if $(ONCE),--once)

bench: ## how long things take, each beside a peer; BENCHES="credentials accounts" runs some
	@scripts/need.sh cargo cc go javac gradle flock mariadb postgresql
	@$(MAKE) -s --no-print-directory cluster host plugin
	@cargo build --locked --release -p ferry-sidecar -p ferry-agent -p ferry-ffi -p ferry-bench
	@exec $(release)/ferry-bench $(BENCHES)

test: ## every suite, with a count at the end; SUITES="unit agent" runs some of them
	@scripts/test.sh $(SUITES)

lint: ## formatting, clippy, licenses and banned crates, go vet, javac and shell scripts
	@scripts/test.sh lint

fmt: ## formats Rust and Go
	cargo fmt --all
	gofmt -w tests/cluster

cluster: ## the API server that tests and demo use, into ~/.cache/ferry
	@scripts/need.sh go flock
	@echo "cluster: $$(tests/cluster/build.sh)"

host: $(host)/build/installed ## Clouddriver's host that tests and demo use

$(host)/build/installed: $(host_sources)
	@scripts/need.sh javac gradle
	@echo "building Clouddriver's host; the first time it is downloaded"
	@mkdir -p $(@D)
	@gradle --no-daemon --console=plain :clouddriver-host:installHost 2>&1 | tee $@.log \
	  | sed -n 's|^Download .*/|  |p; s|^:clouddriver-host:|  |p' || { cat $@.log; exit 1; }
	@touch $@

plugin: $(plugin)/build/bare ## the plugin without a library, which tests install in that host

$(plugin)/build/bare: $(plugin_sources) Cargo.toml
	@scripts/need.sh javac gradle
	@echo "building the plugin for tests"
	@mkdir -p $(@D)
	@gradle --no-daemon --console=plain -q :jvm-bridge:bareJar
	@touch $@

jar: ## the plugin for Clouddriver, with its native libraries, into jvm-bridge/build/libs
	@scripts/need.sh cargo cc javac gradle
	@scripts/native.sh
	@gradle --no-daemon --console=plain -q :jvm-bridge:assemble -PnativeDir=$(abspath $(target))/native/library
	@ls -lh jvm-bridge/build/libs/ferry-plugin-*[0-9].jar

clean: ## removes what was built here; ~/.cache/ferry stays
	cargo clean
	rm -rf .gradle build $(host)/build $(plugin)/build
