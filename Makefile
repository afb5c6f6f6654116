# make setup | build | deb | demo | test | bench | soak | lint        CONFIGURATION=release for production builds
CONFIGURATION ?= debug
SWIFT_BUILD = swift build -c $(CONFIGURATION)
BIN = $(shell $(SWIFT_BUILD) --show-bin-path)
ARGS ?=

# A Debian package in .build/packages, with Swift's runtime linked in.
.PHONY: setup setup-tests build deb demo test bench soak lint format

setup:
	@Tests/Scripts/setup

setup-tests:
	@Tests/Scripts/setup --tests

build: setup
	$(SWIFT_BUILD) --product vedette
	$(SWIFT_BUILD) --product vedette-codec

deb: setup
	swift build -c release --static-swift-stdlib --product vedette
	swift build -c release --static-swift-stdlib --product vedette-codec
	@Config/packaging/deb "$$(swift build -c release --show-bin-path)" .build/packages

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
