# Every target installs what it needs (only Node 20 or later, npm, make and git are assumed) and does so
# again only when the lock file changed. The toolchain brings its own Node through npm.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
STAMPS := .stamps
INSTALLED := $(STAMPS)/installed
NPM := npm --silent
SOURCES := $(shell git ls-files -co --exclude-standard src embedded 2>/dev/null | grep -v '\.test\.ts$$') package.json hack/build.ts hack/sbom.ts

.PHONY: help demo test soak test-machine test-e2e cluster-up cluster-down test-unit lint check build bench generate format clean

help: ## this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 24

$(INSTALLED): package-lock.json .npmrc
	@echo 'installing packages ...' >&2
	@npm ci --loglevel=error >&2
	@mkdir -p $(STAMPS) && touch $@

dist/dracpu.cjs: $(INSTALLED) $(SOURCES)
	@$(NPM) run build >&2

build: dist/dracpu.cjs ## production bundle, started by bin/dracpu

demo: dist/dracpu.cjs ## the main job on this very machine, against the embedded node
	@bin/dracpu demo $(DEMO_ARGS)

test: dist/dracpu.cjs ## every test this machine can run; prints what it skipped and why
	@$(MAKE) check
	@$(NPM) run test:all

soak: dist/dracpu.cjs ## hostile stories: SEEDS=N of them, or the one of SEED=n
	@SEED='$(SEED)' SEEDS='$(or $(SEEDS),200)' FIRST='$(or $(FIRST),1)' JOBS='$(JOBS)' $(NPM) run soak

test-machine: dist/dracpu.cjs ## the tests inside an emulated machine with many sockets
	@$(NPM) run test:machine

test-e2e: $(INSTALLED) ## the suite of test/e2e against the cluster of KUBECONFIG, where the driver is installed
	@DRACPU_E2E_TEST_IMAGE=$${DRACPU_E2E_TEST_IMAGE:-busybox:1} $(NPM) run test:e2e

cluster-up: ## a real Kubernetes of one node without Docker, for test-e2e; needs root (hack/cluster/README.md)
	@hack/cluster/up.sh

cluster-down: ## end it and remove what it left
	@hack/cluster/down.sh

check: $(INSTALLED) ## format, lint, layers, types, unused exports, unit tests
	@$(NPM) run check:format
	@$(NPM) run check:lint
	@$(NPM) run check:layers
	@$(NPM) run check:types
	@$(NPM) run check:unused
	@$(NPM) run test:unit

test-unit: $(INSTALLED) ## the unit tests alone
	@$(NPM) run test:unit

# The variable has the reference's name; its most used argument, --fix, is one of this linter too.
lint: $(INSTALLED) ## the linter alone, with GOLANGCI_LINT_EXTRA_ARGS
	@$(NPM) run check:lint -- $(GOLANGCI_LINT_EXTRA_ARGS)

bench: dist/dracpu.cjs ## the benchmarks, one JSON object a line
	@$(NPM) exec -- node hack/run-benches.ts

generate: $(INSTALLED) ## TypeScript from proto/
	@$(NPM) run generate

format: $(INSTALLED) ## format every file
	@$(NPM) run format

clean: ## remove what was built or installed
	@rm -rf dist node_modules $(STAMPS)

include hack/deploy.mk
