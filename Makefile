# What people do daily here. `make demo` and `make test` install and build all they need.
.DEFAULT_GOAL := help
.PHONY: help demo test fuzz bench bench-sdk lint dist consumers oracle

help: ## show these targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

demo: ## run the guided tour in every language (ENDPOINT=http://… tours a running server)
	cargo xtask demo $(if $(ENDPOINT),--endpoint $(ENDPOINT))

test: ## run everything CI runs (ONLY=text runs the steps whose name contains it, FULL=1 takes hours)
	$(if $(FULL),ETCDKIT_TEST_FULL=1) cargo xtask test $(if $(ONLY),--only '$(ONLY)')

fuzz: ## feed random bytes to what reads strangers' bytes, a minute each (SECONDS=600)
	cargo xtask fuzz $(if $(SECONDS),--seconds $(SECONDS))

bench: oracle ## measure our server and the real etcd side by side (ARGS="--rounds 1")
	cargo build --profile dist --locked --bin etcdkit --bin etcdkit-bench
	target/dist/etcdkit-bench $(ARGS)

bench-sdk: ## measure each SDK and the usual client of its language side by side (ARGS="--languages python")
	cargo xtask bench-sdk $(ARGS)

lint: ## formatting, lints, rules of the tree
	cargo xtask lint

dist: ## make the packages users install, in dist/
	cargo xtask dist

consumers: dist ## install each package as a user does and run a program with it
	cargo xtask consumers

oracle: ## build the real etcd that tests and benchmarks compare with
	cargo xtask oracle
