# tls: Node's tls module for Lua. `make demo` and `make test` are all one needs;
# `make help` lists the rest. It is for GNU make, which is gmake on the BSDs. What
# users need (all, install, certs, demo) keeps to what macOS and FreeBSD have,
# too; the tests and the other goals of developers are for Linux.

CC ?= gcc
LUA ?= lua5.4
# Neovim's Lua, and its loop: see scripts/nvim-lua.
ifeq ($(LUA),nvim)
override LUA := $(CURDIR)/scripts/nvim-lua
export LUA
RUNNER = lua5.4
endif
RUNNER ?= $(LUA)
BUSTED ?= $(LUA) /usr/bin/busted
PKG ?= pkg-config
UNAME := $(shell uname -s)

# What belongs to the Lua that LUA names: the version it says it has, its headers.
LUA_VERSION := $(shell $(LUA) -e 'io.write(_VERSION:match("%d%.%d"))' 2>/dev/null || echo unknown)
LUA_IS_JIT := $(shell $(LUA) -e 'io.write(jit and "yes" or "")' 2>/dev/null)
LUA_PC = $(if $(LUA_IS_JIT),luajit,lua$(LUA_VERSION) lua-$(LUA_VERSION) lua$(subst .,,$(LUA_VERSION)))
ifeq ($(origin LUA_CFLAGS),undefined)
LUA_CFLAGS := $(shell for name in $(LUA_PC); do $(PKG) --cflags $$name 2>/dev/null && exit; done; \
	case $$($(PKG) --modversion lua 2>/dev/null) in ($(LUA_VERSION).*) $(PKG) --cflags lua;; esac)
endif
# OPENSSL_DIR names the prefix of an OpenSSL that pkg-config does not know of, as
# Homebrew's and MacPorts', which are in none of the usual folders.
ifndef OPENSSL_DIR
ifneq ($(shell $(PKG) --exists openssl 2>/dev/null && echo yes),yes)
OPENSSL_DIR := $(firstword $(wildcard /opt/homebrew/opt/openssl@3 /usr/local/opt/openssl@3 \
	/opt/local/libexec/openssl3))
endif
endif
ifneq ($(OPENSSL_DIR),)
ifeq ($(wildcard $(OPENSSL_DIR)/include/openssl/ssl.h),)
$(error OPENSSL_DIR is $(OPENSSL_DIR), which has no include/openssl/ssl.h)
endif
# A lib64 may be there without it. The path is kept in the core, which is loaded in other folders, too.
OPENSSL_LIBDIR ?= $(abspath $(firstword $(foreach name,lib64 lib,$(patsubst %/,%,$(dir \
	$(wildcard $(OPENSSL_DIR)/$(name)/libssl.*)))) $(wildcard $(OPENSSL_DIR)/lib64 $(OPENSSL_DIR)/lib)))
OPENSSL_CFLAGS ?= -I$(abspath $(OPENSSL_DIR))/include
OPENSSL_LIBS ?= -L$(OPENSSL_LIBDIR) -Wl,-rpath,$(OPENSSL_LIBDIR) -lssl -lcrypto
endif
OPENSSL_CFLAGS ?= $(shell $(PKG) --cflags openssl 2>/dev/null)
OPENSSL_LIBS ?= $(or $(shell $(PKG) --libs openssl 2>/dev/null),-lssl -lcrypto)
CFLAGS ?= -O2 -g
WARN = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wpointer-arith -Wvla -Wformat=2
DEFS = -DOPENSSL_NO_DEPRECATED -DOPENSSL_API_COMPAT=30000
# What a fault in the core is harder to exploit with. Those that this compiler takes are found out when something is
# compiled, once. HARDEN= leaves them away.
HARDEN ?= -fstack-protector-strong -fcf-protection -D_FORTIFY_SOURCE=3 -Wl,-z,relro -Wl,-z,now
HARDENED = $(eval HARDENED := $(shell sh scripts/hardening.sh '$(CC)' '$(CFLAGS)' $(HARDEN)))$(HARDENED)
BASE_CFLAGS = -std=gnu11 -fPIC -fvisibility=hidden $(WARN) $(DEFS) $(filter-out -Wl%,$(HARDENED)) \
	$(OPENSSL_CFLAGS) $(CFLAGS)
SAN = -fsanitize=address,undefined -fno-omit-frame-pointer -O1 -g

# A module for Lua; in macOS it may have undefined symbols, those of the program
# that loads it, only if that is said. dlopen(3) is in libc but on Linux with an
# older glibc.
MODULE_FLAGS = $(if $(filter Darwin,$(UNAME)),-bundle -undefined dynamic_lookup,-shared)
DL_LIBS = $(if $(filter Linux,$(UNAME)),-ldl)

PREFIX ?= /usr/local
LUA_LMOD ?= $(PREFIX)/share/lua/$(LUA_VERSION)
LUA_CMOD ?= $(PREFIX)/lib/lua/$(LUA_VERSION)

# Each Lua has objects of its own: its headers are in them.
BUILD ?= build$(if $(LUA_IS_JIT),/jit,$(filter-out /lua5.4 /luaunknown,/lua$(LUA_VERSION)))
MODULES = $(wildcard lua/tls/*.lua lua/tls/*/*.lua)
SRC = $(wildcard csrc/*/*.c)
OBJ = $(SRC:csrc/%.c=$(BUILD)/%.o)
ENGINE = $(filter $(BUILD)/engine/%,$(OBJ))
CORE = $(BUILD)/tls/core.so
# Where Debian has no luv, `make deps` builds it: see scripts/luv.sh.
OWN_LUV = $(if $(wildcard build/lua$(LUA_VERSION)/luv/luv.so),$(CURDIR)/build/lua$(LUA_VERSION)/luv/?.so;)
PATHS = LUA_PATH="$(CURDIR)/lua/?.lua;$(CURDIR)/lua/?/init.lua;$(CURDIR)/?.lua;;" \
	LUA_CPATH="$(CURDIR)/$(BUILD)/?.so;$(OWN_LUV);"

all: $(if $(LUA_CFLAGS),,named) $(CORE) ## build the core

$(CORE): $(OBJ)
	@mkdir -p $(@D)
	$(CC) $(MODULE_FLAGS) $(filter -Wl%,$(HARDENED)) $(LDFLAGS) -o $@ $^ $(OPENSSL_LIBS) $(DL_LIBS)

# The engine finds its own headers and OpenSSL's, and no others: neither Lua's
# nor libuv's, nor those of another folder.
$(BUILD)/engine/%.o: csrc/engine/%.c
	@mkdir -p $(@D)
	$(CC) $(BASE_CFLAGS) -Icsrc/engine -MMD -MP -c -o $@ $<

$(BUILD)/%.o: csrc/%.c
	@mkdir -p $(@D)
	$(CC) $(BASE_CFLAGS) $(subst -I,-isystem ,$(LUA_CFLAGS)) -Icsrc -MMD -MP -c -o $@ $<

-include $(OBJ:.o=.d)

# Another OpenSSL than the last time, or another HARDEN: all is compiled anew.
$(OBJ): $(BUILD)/openssl
$(BUILD)/openssl: which-openssl
	@mkdir -p $(@D)
	@echo '$(OPENSSL_CFLAGS) $(OPENSSL_LIBS) $(HARDEN)' | cmp -s - $@ || \
		echo '$(OPENSSL_CFLAGS) $(OPENSSL_LIBS) $(HARDEN)' >$@

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

env: ## print what makes a shell find the module that is built here
	@: $(info export $(PATHS))

deps: ## install what building and testing need, where something is missing
	@sh scripts/deps.sh test

deps-build: ## install what building needs alone, where something is missing
	@sh scripts/deps.sh build

DIR ?= .
certs: ## certificates for a first try, into the folder DIR=... or here
	@sh scripts/certs.sh "$(DIR)"

demo: deps-build ## a server and its clients in one terminal
	@$(MAKE) -s all
	@$(PATHS) $(LUA) examples/demo.lua

# Writes what is made of lua/tls/options: the tables of docs/api.md, the types.
options: all ## write what is made of lua/tls/options
	@$(PATHS) $(LUA) scripts/options.lua

# LDoc runs on a Lua of its own, and calls the program markdown.
docs: ## the reference and the guides as pages, complete and without a dead link: build/docs
	@for program in ldoc markdown; do command -v $$program >/dev/null || \
		{ echo "docs: there is no $$program here: make deps installs lua-ldoc and discount"; exit 1; }; done
	@$(PATHS) $(LUA) scripts/site.lua
	@cd build/site && LUA_PATH="$(CURDIR)/?.lua;;" ldoc --fatalwarnings --quiet .
	@cp docs/*.svg build/docs/topics/
	@$(PATHS) $(LUA) scripts/site_links.lua build/docs
	@$(PATHS) $(LUA) scripts/site_complete.lua build/docs

# Writes the lists of the rockspecs, which cannot look into folders themselves.
rockspec: ## write the lists of the rockspecs, and the version
	@$(LUA) scripts/rockspec.lua

dist: ## the archive and the rock of the commit, tried: build/dist
	@LUA="$(LUA)" sh scripts/dist.sh

# === tests ===

# Each file of SPEC is a process of its own, JOBS at a time: see scripts/test.lua.
# SPEC may name one test: spec/net/data_spec.lua:211
SUPERVISE = build/supervise
PROGRAMS = $(BUILD)/host $(BUILD)/whole $(BUILD)/states $(BUILD)/raw_peer $(BUILD)/hard/secrets_host $(BUILD)/faulty
RUN = $(SUPERVISE) $(RUNNER) scripts/test.lua $(SUPERVISE) '$(SPEC)'

test: deps ## the whole suite; SPEC=spec/... is a part of it, LUA=luajit another Lua
	@$(MAKE) --no-print-directory suite # anew: what LUA is, is known now

suite: all $(BUILD)/engine_test $(PROGRAMS) $(SUPERVISE) jit
	$(BUILD)/engine_test
	$(PATHS) TLS_BUILD=$(BUILD) $(RUN) $(BUSTED)

$(SUPERVISE): spec/support/supervise.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(WARN) -O2 -o $@ $<

# The engine alone, without Lua and libuv: that it links is half the test.
$(BUILD)/engine_test: spec/support/engine_test.c spec/support/wire_test.c spec/support/threads_test.c $(ENGINE)
	$(CC) -std=gnu11 $(WARN) $(DEFS) $(CFLAGS) $(OPENSSL_CFLAGS) -Icsrc -o $@ $^ $(OPENSSL_LIBS)

# Its name in Debian 12, and since.
LIBUV_A = $(firstword $(wildcard $(LIBDIR)/libuv_a.a $(LIBDIR)/libuv.a))

# A program with Lua, luv and libuv linked in, as some runtimes are.
# LuaJIT's luv is that of Lua 5.1.
LIBDIR = $(shell $(PKG) --variable=libdir $(if $(LUA_IS_JIT),luajit,lua$(LUA_VERSION)))
LIBLUA = $(LIBDIR)/$(if $(LUA_IS_JIT),libluajit-5.1,liblua$(LUA_VERSION)).a
LIBLUV = $(firstword $(wildcard build/lua$(LUA_VERSION)/luv/libluv.a) $(LIBDIR)/liblua$(LUA_VERSION)-luv.a)
HOST_CFLAGS = -std=gnu11 $(CFLAGS) $(LUA_CFLAGS) -idirafter /usr/include/lua$(LUA_VERSION) \
	-idirafter build/lua$(LUA_VERSION)/luv
WHOLE_HOST = -Wl,-E -Wl,--whole-archive $(LIBLUA) $(LIBLUV) $(LIBUV_A) -Wl,--no-whole-archive -ldl -lpthread -lm -lrt
$(BUILD)/host: spec/support/host.c spec/support/state.h
	@mkdir -p $(@D)
	$(CC) $(HOST_CFLAGS) -o $@ $< $(WHOLE_HOST)

# The same with our core linked in, too.
$(BUILD)/whole: spec/support/host.c spec/support/state.h $(OBJ)
	$(CC) $(HOST_CFLAGS) -DWITH_CORE -o $@ $< $(OBJ) \
		$(WHOLE_HOST) $(OPENSSL_LIBS)

# The same, whose allocations fail when they are told so: what our objects call malloc has another name there.
OWN_MALLOC = $(foreach name,malloc calloc realloc free,--redefine-sym $(name)=faulty_$(name))
$(BUILD)/faulty: hard/allocations/faulty.c spec/support/state.h $(OBJ)
	ld -r -o $(BUILD)/faulty.o $(OBJ)
	objcopy $(OWN_MALLOC) $(BUILD)/faulty.o
	$(CC) $(HOST_CFLAGS) $(OPENSSL_CFLAGS) -DWITH_CORE -I. -Wl,--wrap=time -o $@ $< $(BUILD)/faulty.o \
		$(WHOLE_HOST) $(OPENSSL_LIBS)

# Another, with several Lua states.
$(BUILD)/states: spec/support/states.c spec/support/state.h $(BUILD)/openssl
	@mkdir -p $(@D)
	$(CC) $(HOST_CFLAGS) $(OPENSSL_CFLAGS) -o $@ $< \
		$(WHOLE_HOST) $(OPENSSL_LIBS)

# Programs of `make hard`.
HARD_PROGRAMS = $(BUILD)/hard/flood
$(BUILD)/hard/flood: hard/floods/flood.c hard/floods/hello.h hard/floods/junk.h $(BUILD)/openssl
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(WARN) $(DEFS) $(CFLAGS) $(OPENSSL_CFLAGS) -o $@ $< $(OPENSSL_LIBS)

$(BUILD)/hard/secrets_host: hard/secrets/host.c spec/support/state.h $(BUILD)/openssl
	@mkdir -p $(@D)
	$(CC) $(HOST_CFLAGS) $(OPENSSL_CFLAGS) -o $@ $< $(WHOLE_HOST) $(OPENSSL_LIBS)

# A peer on OpenSSL alone, which does what our sockets never do.
$(BUILD)/raw_peer: spec/support/raw_peer.c $(BUILD)/openssl
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(WARN) $(DEFS) $(CFLAGS) $(OPENSSL_CFLAGS) -o $@ $< \
		$(OPENSSL_LIBS) -ldl

# The same core for LuaJIT, which Neovim and luvit are; where its headers are.
jit: ## the core for LuaJIT as well, where its headers are
	@! $(PKG) --exists luajit || $(MAKE) -s BUILD=build/jit LUA_CFLAGS="$$($(PKG) --cflags luajit)" all

# For Neovim, whose plugin managers clone a repository into a folder of the
# runtimepath: there Neovim looks for modules, in C as well, below lua/.
nvim: ## the core for Neovim, where it finds it in a plugin's folder: DIR=...
	@$(PKG) --exists luajit || { echo 'nvim: the headers of LuaJIT are missing'; exit 1; }
	$(MAKE) BUILD=build/jit LUA_CFLAGS="$$($(PKG) --cflags luajit)" all
	install -d "$(DIR)/lua/tls"
	install -m755 build/jit/tls/core.so "$(DIR)/lua/tls/core.so"

# Releases of Debian in folders, see docs/homes.md. LUAS= names the Luas.
HOMES = bookworm trixie sid openssl4
homes: ## the suite in other releases of Debian; needs root and debootstrap
	scripts/homes.sh $(HOMES)

# The rules that docs/internals.md lists. OPENSSL_DIR names the headers that are compiled against, each with objects of
# its own.
CHECKED = build/check$(subst /,_,$(OPENSSL_DIR))
check: ## lint, format, warnings, and the rules of docs/internals.md; OPENSSL_DIR= names other headers
	luacheck -q lua spec examples bench scripts hard
	clang-format --dry-run -Werror csrc/*/*.[ch] spec/support/*.[ch] spec/fuzz/*.[ch] bench/*.c hard/*/*.[ch]
	@$(MAKE) -s BUILD=$(CHECKED) CFLAGS='-O2 -Werror' all
	$(CC) -std=gnu11 -Wall -Werror -fsyntax-only $(LUA_CFLAGS) -Icsrc \
		spec/support/abi_check.c
	@echo 'the order of the layers, and no circles'
	@$(LUA) scripts/architecture.lua $(CHECKED)
	@echo 'no private name that nothing sets'
	@$(LUA) scripts/private_names.lua
	@echo 'engine side: neither Lua nor libuv'
	@! grep -nE '(lua|lauxlib|uv|luv)\.h|lua_State' csrc/engine/*.[ch]
	@echo 'libuv only in lua_state, libuv_symbols, state_closing and connection'
	@! grep -nE '\buv_[a-z]|<uv\.h>|<luv' $(filter-out csrc/lua/lua_state.% \
		csrc/lua/libuv_symbols.% csrc/lua/state_closing.% csrc/connection/%,$(wildcard csrc/*/*.[ch]))
	@echo 'one way into Lua; no unbounded string functions'
	@! grep -nE 'lua_pcall|lua_call\(|cb_pcall\(' $(filter-out \
		csrc/lua/door.c csrc/lua/error_text.c csrc/connection/events.c csrc/lua/class.c csrc/lua/module.c,$(SRC))
	@echo 'what luv calls is wrapped, see csrc/lua/door.h'
	@! grep -nE '(handle|timer|idle|pipe|uv)[.:](start|read_start|listen|connect|shutdown|write|close|close_reset|getaddrinfo)\b[(,]' \
		$(filter-out lua/tls/types/%,$(MODULES)) | grep -vE 'wrap|:[[:digit:]]+:(---|function)'
	@echo 'OpenSSL runs between enter and leave'
	@! grep -nE '\bSSL_(do_handshake|connect|accept|shutdown|(read|peek|write)(_ex|_early_data)?) *\(|\bASYNC_' \
		$(filter-out csrc/engine/handshake.c csrc/engine/handshake_control.c \
		csrc/engine/read.c csrc/engine/write.c,$(SRC))
	@! grep -nE '\b(sprintf|strcpy|strcat|strncpy|atoi)\(' $(SRC)
	@! grep -nE 'req->data|handle->data' $(SRC)
	@awk -f scripts/sizes.awk csrc/*/*.[ch] $(MODULES)

ASAN_LIB = $(shell $(CC) -print-file-name=libasan.so)
asan: deps ## the suite under AddressSanitizer
	$(MAKE) BUILD=build-asan CFLAGS='$(SAN)' LDFLAGS='$(SAN)' all \
		build-asan/engine_test $(PROGRAMS:$(BUILD)/%=build-asan/%)
	$(MAKE) all $(SUPERVISE) jit # the closed host of uvlink_spec is not sanitized
	build-asan/engine_test
	$(subst $(BUILD)/?,build-asan/?,$(PATHS)) TLS_BUILD=build-asan \
		ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 \
		LSAN_OPTIONS=suppressions=$(CURDIR)/spec/support/lsan.supp:print_suppressions=0 \
		$(RUN) env LD_PRELOAD=$(ASAN_LIB) $(BUSTED)

# Handshakes on threads, by ThreadSanitizer, in a program that has Lua, luv and libuv in it; the programs of the specs
# are run by it, too. These and OpenSSL are not compiled for it: what they lock and count by themselves is not seen, so
# what is reported of them alone is passed over. ThreadSanitizer wants addresses that are not random.
TSAN = -O1 -g -fno-omit-frame-pointer -fsanitize=thread
TSAN_SPECS = spec/handshake spec/server_spec.lua spec/credentials/secure_context_spec.lua \
	$(addprefix spec/connection/,closing_spec.lua endings_spec.lua foreign_close_spec.lua gc_spec.lua gone_peer_spec.lua)
tsan: SPEC = $(TSAN_SPECS)
tsan: all $(SUPERVISE) ## handshakes, sessions, tickets, endings: with threads, under ThreadSanitizer
	$(MAKE) BUILD=build-tsan CFLAGS='$(TSAN)' LDFLAGS='$(TSAN)' all \
		build-tsan/engine_test $(PROGRAMS:$(BUILD)/%=build-tsan/%)
	setarch -R build-tsan/engine_test
	$(subst $(BUILD)/?,build-tsan/?,$(PATHS)) TLS_BUILD=build-tsan TLS_HANDSHAKE_THREADS=3 TLS_SLOW=5 HOST_CLOSE=1 \
		LUA=$(CURDIR)/build-tsan/host \
		TSAN_OPTIONS=suppressions=$(CURDIR)/spec/support/tsan.supp:exitcode=66 \
		$(RUN) setarch -R build-tsan/host /usr/bin/busted

valgrind: all $(SUPERVISE) ## the suite under valgrind
	$(PATHS) TLS_BUILD=$(BUILD) TLS_SLOW=10 $(RUN) valgrind -q --error-exitcode=9 $(BUSTED)

gcstress: all $(SUPERVISE) ## the suite while the collector always runs
	$(PATHS) TLS_BUILD=$(BUILD) TLS_GCSTRESS=1 TLS_SLOW=5 $(RUN) $(BUSTED)

# The specs while their timers are early, and late: what fails here depends on how
# fast the machine is. See spec/support/timers.lua.
TIMERS = early late
timers: all $(SUPERVISE) ## the suite while timers are early, and late
	for mode in $(TIMERS); do $(PATHS) TLS_BUILD=$(BUILD) TLS_TIMERS=$$mode $(RUN) $(BUSTED) || exit 1; done

# How much malloc has given out, for Lua.
HARD_PROGRAMS += $(BUILD)/hard/faults/malloc.so
$(BUILD)/hard/faults/%.so: hard/faults/%.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -fPIC $(CFLAGS) $(LUA_CFLAGS) $(MODULE_FLAGS) -o $@ $<

# What the suite is too slow for: see docs/reliability.md. PART="faults api" are some of its parts, QUICK=1 takes every
# fiftieth case.
hard: ## faults, floods, want of memory: docs/reliability.md; QUICK=1, PART=...
	@sh scripts/deps.sh hard
	@$(MAKE) --no-print-directory all $(PROGRAMS) $(HARD_PROGRAMS) $(SUPERVISE) jit
	@[ $(LUA) != lua5.4 ] || ! $(PKG) --exists lua5.1 || $(MAKE) --no-print-directory LUA=lua5.1 all
	$(PATHS) TLS_BUILD=$(BUILD) $(if $(QUICK),HARD_EVERY=50) HARD_PAGE=$(HARD_PAGE) \
		$(LUA) hard/run.lua $(SUPERVISE) $(LUA) $(PART)

# A checkout of tlsfuzzer is not ours to fetch. SCRIPTS= is a word in the names of those scripts that are wanted.
tlsfuzzer: ## what of tlsfuzzer's scripts fails with our server alone; TLSFUZZER=its checkout
	@[ -d "$(TLSFUZZER)/scripts" ] || { echo 'tlsfuzzer: TLSFUZZER= names no checkout of tlsfuzzer'; exit 1; }
	@$(MAKE) --no-print-directory all $(SUPERVISE)
	$(PATHS) TLS_BUILD=$(BUILD) $(SUPERVISE) $(LUA) hard/tlsfuzzer.lua "$(TLSFUZZER)" $(SCRIPTS)

scan: ## what sslscan and testssl.sh say of a server with our defaults
	@$(MAKE) --no-print-directory hard PART=scan

# Hostile bytes, FUZZ seconds for each target; needs clang. What it finds stays
# in build-fuzz and is run first the next time.
FUZZ ?= 60
FUZZ_SAN = -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
	-fno-sanitize-recover=undefined
FUZZ_OPTIONS = -max_total_time=$(FUZZ) -max_len=4096 -len_control=0 -timeout=20 \
	-verbosity=0 -print_final_stats=1 -artifact_prefix=build-fuzz/
fuzz: deps ## hostile bytes, FUZZ=60 seconds for each target; needs clang
	@command -v clang >/dev/null || { echo 'fuzz: clang is not installed'; exit 1; }
	@$(MAKE) -s BUILD=build-fuzz CC=clang LDFLAGS='$(FUZZ_SAN)' \
		CFLAGS='$(FUZZ_SAN) -fsanitize=fuzzer-no-link' all \
		build-fuzz/engine_fuzz build-fuzz/wire_fuzz build-fuzz/readers_fuzz
	@mkdir -p build-fuzz/engine build-fuzz/wire build-fuzz/readers build-fuzz/seeds
	$(PATHS) $(MAKE) -s all && $(PATHS) $(LUA) spec/fuzz/readers.lua --seeds build-fuzz/seeds
	build-fuzz/engine_fuzz $(FUZZ_OPTIONS) build-fuzz/engine spec/fuzz/seeds
	build-fuzz/wire_fuzz $(FUZZ_OPTIONS) build-fuzz/wire spec/fuzz/wire_seeds
	$(subst $(BUILD)/?,build-fuzz/?,$(PATHS)) FUZZ_SCRIPT=spec/fuzz/readers.lua \
		build-fuzz/readers_fuzz $(FUZZ_OPTIONS) build-fuzz/readers build-fuzz/seeds

build-fuzz/engine_fuzz build-fuzz/wire_fuzz: build-fuzz/%: spec/fuzz/%.c $(ENGINE:$(BUILD)/%=build-fuzz/%)
	clang -std=gnu11 $(WARN) $(DEFS) $(FUZZ_SAN) $(OPENSSL_CFLAGS) -fsanitize=fuzzer -Icsrc -o $@ \
		$^ $(OPENSSL_LIBS)

build-fuzz/readers_fuzz: spec/fuzz/readers_fuzz.c
	clang -std=gnu11 $(WARN) $(FUZZ_SAN) -fsanitize=fuzzer $(LUA_CFLAGS) -o $@ $< \
		$(WHOLE_HOST)

# === benchmarks: see docs/performance.md ===

$(BUILD)/bench/load: bench/load.c bench/prober.c bench/prober.h $(BUILD)/openssl
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O2 $(WARN) $(OPENSSL_CFLAGS) -o $@ $(filter %.c,$^) $(OPENSSL_LIBS)

$(BUILD)/bench/limit: bench/limit.c $(BUILD)/openssl
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O2 -g $(WARN) $(OPENSSL_CFLAGS) -o $@ $< $(OPENSSL_LIBS) -luv

BENCH = $(BUILD)/bench/load $(BUILD)/bench/limit

# OPTIONS="--table storms" measures one table anew. Servers are looked for in build/tools, too: see scripts/deps.sh.
bench: deps-build ## measure against others; writes bench/RESULTS.md. OPTIONS= has options of bench/run.lua
	-@sh scripts/deps.sh bench
	@$(MAKE) -s all $(BENCH)
	@$(PATHS) PATH="$$PATH:build/tools/usr/sbin" $(LUA) bench/run.lua $(OPTIONS)

bench-quick: deps-build ## the same in a minute
	-@sh scripts/deps.sh bench
	@$(MAKE) -s all $(BENCH)
	@$(PATHS) $(LUA) bench/run.lua --quick

# ACCEPT=1 keeps the figures in bench/COUNTS.
bench-count: deps ## count instructions, by valgrind
	@command -v valgrind >/dev/null || { echo 'bench-count: valgrind is not installed'; exit 1; }
	@$(MAKE) -s all $(BENCH)
	@$(PATHS) $(LUA) bench/count.lua $(if $(ACCEPT),--accept)

# From bench/RESULTS.md, by gnuplot; whether the picture is of those figures, spec/docs/chart_spec.lua says.
chart: ## draw docs/chart.svg from bench/RESULTS.md; installs gnuplot, where it is missing
	@sh scripts/deps.sh chart
	@$(LUA) bench/draw.lua

named:
	@[ $(LUA_VERSION) != unknown ] || { echo "there is no '$(LUA)' here: name another Lua, LUA=..."; exit 1; }

install: named all ## install for the Lua that is named: LUA=lua5.4, PREFIX=/usr/local, DESTDIR=
	install -d "$(DESTDIR)$(LUA_CMOD)/tls"
	@cd lua && for file in $(MODULES:lua/%=%); do \
		install -d "$(DESTDIR)$(LUA_LMOD)/$$(dirname $$file)" && \
		install -m644 $$file "$(DESTDIR)$(LUA_LMOD)/$$file" || exit 1; done
	install -m755 $(CORE) "$(DESTDIR)$(LUA_CMOD)/tls"
	@$(LUA) scripts/where.lua "$(LUA_LMOD)" "$(LUA_CMOD)"

uninstall: named ## remove what `make install` with the same LUA, PREFIX and DESTDIR has put there
	rm -f "$(DESTDIR)$(LUA_CMOD)/tls/core.so"
	@cd lua && for file in $(MODULES:lua/%=%); do rm -f "$(DESTDIR)$(LUA_LMOD)/$$file" || exit 1; done
	@for folder in $(sort $(dir $(MODULES:lua/%=%))); do echo $$folder; done | sort -r | while read -r folder; do \
		rmdir "$(DESTDIR)$(LUA_LMOD)/$$folder" 2>/dev/null || :; done
	@rmdir "$(DESTDIR)$(LUA_CMOD)/tls" 2>/dev/null || :

clean: ## remove what was built
	rm -rf build build-asan build-tsan build-fuzz
	rm -f csrc/*/*.o tls/core.so # what luarocks make leaves
	rm -f lua/tls/core.so # what make nvim does

.PHONY: all named which-openssl help env deps deps-build certs demo options docs rockspec dist test suite jit nvim homes check asan tsan valgrind gcstress timers hard tlsfuzzer scan fuzz bench bench-quick \
	bench-count chart install uninstall clean
