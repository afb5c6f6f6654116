# make setup | build | demo | test | bench | soak | lint        CONFIGURATION=release for production builds
CONFIGURATION ?= debug
SWIFT_BUILD = swift build -c $(CONFIGURATION)
BIN = $(shell $(SWIFT_BUILD) --show-bin-path)
ARGS ?=

.PHONY: setup setup-tests build demo test bench soak lint format

setup:
	@Tests/Scripts/setup

setup-tests:
	@Tests/Scripts/setup --tests

build: setup
	$(SWIFT_BUILD) --product vedette
	$(SWIFT_BUILD) --product vedette-codec

demo: build
	@VEDETTE=$(BIN)/vedette Tests/Scripts/demo $(ARGS)

test: setup-tests lint
	@CONFIGURATION=$(CONFIGURATION) Tests/Scripts/test

lint:
	swift format lint --strict --recursive --parallel Package.swift Sources Tests

format:
	swift format -i --recursive --parallel Package.swift Sources Tests

bench: setup-tests
	@Tests/Scripts/bench

soak: setup-tests
	@Tests/Scripts/bench soak --strict $(ARGS)
