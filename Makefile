# What people do daily here. `make demo` and `make test` install and build all they need.
.DEFAULT_GOAL := help
.PHONY: help demo test bench lint dist oracle

help: ## show these targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

demo: ## run the guided tour in every language (ENDPOINT=http://… tours a running server)
	cargo xtask demo $(if $(ENDPOINT),--endpoint $(ENDPOINT))

test: ## run everything CI runs (ONLY=text runs the steps whose name contains it)
	cargo xtask test $(if $(ONLY),--only $(ONLY))

bench: oracle ## measure our server and the real etcd side by side (ARGS="--rounds 1")
	cargo build --profile dist --locked --bin etcdkit --bin etcdkit-bench
	target/dist/etcdkit-bench $(ARGS)

lint: ## formatting, lints, rules of the tree
	cargo xtask lint

dist: ## make the packages users install, in dist/
	cargo xtask dist

oracle: ## build the real etcd that tests and benchmarks compare with
	cargo xtask oracle
