# The front door. Each target is a line or two that calls meson or a script in tools/.
BUILD ?= build
export PYTHONDONTWRITEBYTECODE = 1

SEEDS ?= 1000

.PHONY: all deps build install demo recording check check-long check-kernel cross bench sim fuzz format clean help

all: build

help:
	@echo 'make demo        install what is missing, build, and show a mesh of four hosts at work'
	@echo 'make check       install what is missing, build, and run every test (25 minutes at most)'
	@echo 'make recording   type the README into two hosts and write docs/recording.md'
	@echo 'make build       build the programs into $(BUILD)/src/programs'
	@echo 'make install     put the programs into /usr/local'
	@echo 'make deps        install the packages that building and the demo need'
	@echo 'make bench       measure every promised number (GATE=1: fail on a miss; ONLY="start join")'
	@echo 'make check-long  the tests that take hours: fuzzing, valgrind, other WireGuard programs, ...'
	@echo 'make check-kernel  those of a kernel with WireGuard, in an emulated machine (40 minutes at most)'
	@echo 'make cross       compile for every other system what does no I/O'
	@echo 'make sim         quorums in virtual time under every fault (SEEDS=n; SEED=x: one, with a trace)'
	@echo 'make fuzz        one minute of fuzzing per target (FUZZ_SECONDS=n)'
	@echo 'make format      put the code into the shape of .clang-format'
	@echo 'make clean       remove everything that was built'

deps:
	@tools/install_packages build demo

build: deps
	@test -f $(BUILD)/build.ninja || meson setup $(BUILD) --buildtype=release -Ddebug=true >$(BUILD).setup.log 2>&1 || { cat $(BUILD).setup.log; exit 1; }
	@rm -f $(BUILD).setup.log
	@ninja -C $(BUILD) programs

install: build
	@meson install -C $(BUILD) --no-rebuild

demo: build
	@WM_BUILD=$(abspath $(BUILD)) /usr/bin/python3 tools/demo.py

recording: build
	@WM_BUILD=$(abspath $(BUILD)) /usr/bin/python3 tools/record.py

check:
	@tools/install_packages build demo test
	@/usr/bin/python3 tools/check.py

check-long:
	@tools/install_packages build demo test cross long
	@/usr/bin/python3 tools/check.py --long

check-kernel:
	@tools/install_packages build demo test long
	@test -f build-plain/build.ninja || meson setup build-plain --werror --buildtype=release -Dfuzz=false -Dbench=false >/dev/null
	@ninja -C build-plain programs tests/tools/fabric_tool
	@/usr/bin/python3 tools/check_kernel.py build-plain

cross:
	@tools/install_packages build cross
	@/usr/bin/python3 tools/cross_compile.py

bench: build
	@tools/install_packages test bench
	@ninja -C $(BUILD)
	@WM_BUILD=$(abspath $(BUILD)) /usr/bin/python3 bench/run.py $(if $(GATE),--gate) $(ONLY)

sim: build
	@ninja -C $(BUILD) tests/sim/sim
	@$(BUILD)/tests/sim/sim $(if $(SEED),--first $(SEED) --seeds 1 --trace,--seeds $(SEEDS))

fuzz:
	@tools/install_packages build test
	@/usr/bin/python3 tools/fuzz.py --seconds $(or $(FUZZ_SECONDS),60)

format:
	@git ls-files '*.c' '*.h' | xargs clang-format-19 -i

clean:
	rm -rf $(BUILD) $(BUILD).setup.log build build-*
