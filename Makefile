# tls: Node's tls module for Lua. `make demo` and `make test` are all one needs.

CC ?= gcc
LUA ?= lua5.4
BUSTED ?= $(LUA) /usr/bin/busted
PKG ?= pkg-config
LUA_CFLAGS ?= $(shell $(PKG) --cflags lua5.4)
OPENSSL_CFLAGS ?= $(shell $(PKG) --cflags openssl)
OPENSSL_LIBS ?= $(shell $(PKG) --libs openssl)
CFLAGS ?= -O2 -g
WARN = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wpointer-arith -Wvla -Wformat=2
DEFS = -DOPENSSL_NO_DEPRECATED -DOPENSSL_API_COMPAT=30000
BASE_CFLAGS = -std=gnu11 -fPIC -fvisibility=hidden $(WARN) $(DEFS) \
	$(OPENSSL_CFLAGS) $(CFLAGS)
SAN = -fsanitize=address,undefined -fno-omit-frame-pointer -O1 -g

PREFIX ?= /usr/local
LUA_LMOD ?= $(PREFIX)/share/lua/5.4
LUA_CMOD ?= $(PREFIX)/lib/lua/5.4

BUILD ?= build
MODULES = $(wildcard lua/tls/*.lua lua/tls/*/*.lua)
SRC = $(wildcard csrc/*/*.c)
OBJ = $(SRC:csrc/%.c=$(BUILD)/%.o)
ENGINE = $(filter $(BUILD)/engine/%,$(OBJ))
CORE = $(BUILD)/tls/core.so
PATHS = LUA_PATH="$(CURDIR)/lua/?.lua;$(CURDIR)/lua/?/init.lua;$(CURDIR)/?.lua;;" \
	LUA_CPATH="$(CURDIR)/$(BUILD)/?.so;;"

all: $(CORE)

$(CORE): $(OBJ)
	@mkdir -p $(@D)
	$(CC) -shared $(LDFLAGS) -o $@ $^ $(OPENSSL_LIBS) -ldl

# The engine finds its own headers and OpenSSL's, and no others: neither Lua's
# nor libuv's, nor those of another folder.
$(BUILD)/engine/%.o: csrc/engine/%.c
	@mkdir -p $(@D)
	$(CC) $(BASE_CFLAGS) -Icsrc/engine -MMD -MP -c -o $@ $<

$(BUILD)/%.o: csrc/%.c
	@mkdir -p $(@D)
	$(CC) $(BASE_CFLAGS) $(subst -I,-isystem ,$(LUA_CFLAGS)) -Icsrc -MMD -MP -c -o $@ $<

-include $(OBJ:.o=.d)

env:
	@echo 'export $(PATHS)'

deps:
	@sh scripts/deps.sh

demo: deps
	@$(MAKE) -s all
	@$(PATHS) $(LUA) examples/demo.lua

# Writes what is made of lua/tls/options: the tables of docs/api.md, the types.
options: all
	@$(PATHS) $(LUA) scripts/options.lua

# Writes the lists of the rockspec, which cannot look into folders itself.
rockspec:
	@$(LUA) scripts/rockspec.lua

# === tests ===

# Each file of SPEC is a process of its own, JOBS at a time: see scripts/test.lua.
# SPEC may name one test: spec/net/data_spec.lua:211
SUPERVISE = build/supervise
RUN = $(SUPERVISE) $(LUA) scripts/test.lua $(SUPERVISE) '$(SPEC)'

test: deps
	$(MAKE) all $(BUILD)/engine_test $(PROGRAMS) $(SUPERVISE) jit
	$(BUILD)/engine_test
	$(PATHS) TLS_BUILD=$(BUILD) $(RUN) $(BUSTED)

$(SUPERVISE): spec/support/supervise.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(WARN) -O2 -o $@ $<

# The engine alone, without Lua and libuv: that it links is half the test.
$(BUILD)/engine_test: spec/support/engine_test.c spec/support/wire_test.c $(ENGINE)
	$(CC) -std=gnu11 $(WARN) $(DEFS) $(CFLAGS) -Icsrc -o $@ $^ $(OPENSSL_LIBS)

PROGRAMS = $(BUILD)/host $(BUILD)/whole $(BUILD)/states $(BUILD)/raw_peer

# A program with Lua, luv and libuv linked in, as some runtimes are.
LIBDIR = $(shell $(PKG) --variable=libdir lua5.4)
WHOLE_HOST = -Wl,-E -Wl,--whole-archive $(LIBDIR)/liblua5.4.a \
	$(LIBDIR)/liblua5.4-luv.a $(LIBDIR)/libuv_a.a -Wl,--no-whole-archive \
	-ldl -lpthread -lm -lrt
$(BUILD)/host: spec/support/host.c spec/support/state.h
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(CFLAGS) $(LUA_CFLAGS) -o $@ $< $(WHOLE_HOST)

# The same with our core linked in, too.
$(BUILD)/whole: spec/support/host.c spec/support/state.h $(OBJ)
	$(CC) -std=gnu11 $(CFLAGS) $(LUA_CFLAGS) -DWITH_CORE -o $@ $< $(OBJ) \
		$(WHOLE_HOST) $(OPENSSL_LIBS)

# Another, with several Lua states.
$(BUILD)/states: spec/support/states.c spec/support/state.h
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(CFLAGS) $(LUA_CFLAGS) $(OPENSSL_CFLAGS) -o $@ $< \
		$(WHOLE_HOST) $(OPENSSL_LIBS)

# A peer on OpenSSL alone, which does what our sockets never do.
$(BUILD)/raw_peer: spec/support/raw_peer.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(WARN) $(DEFS) $(CFLAGS) $(OPENSSL_CFLAGS) -o $@ $< \
		$(OPENSSL_LIBS) -ldl

# The same core for LuaJIT, which Neovim and luvit are; where its headers are.
jit:
	@! $(PKG) --exists luajit || $(MAKE) -s BUILD=build/jit LUA_CFLAGS="$(shell $(PKG) --cflags luajit)" all

# The rules that docs/internals.md lists.
check:
	luacheck -q lua spec examples bench scripts
	clang-format --dry-run -Werror csrc/*/*.[ch] spec/support/*.[ch] spec/fuzz/*.[ch] bench/*.c
	@$(MAKE) -s BUILD=build/check CFLAGS='-O2 -Werror' all
	$(CC) -std=gnu11 -Wall -Werror -fsyntax-only $(LUA_CFLAGS) -Icsrc \
		spec/support/abi_check.c
	@echo 'the order of the layers, and no circles'
	@$(LUA) scripts/architecture.lua build/check
	@echo 'no private name that nothing sets'
	@$(LUA) scripts/private_names.lua
	@echo 'engine side: neither Lua nor libuv'
	@! grep -nE '(lua|lauxlib|uv|luv)\.h|lua_State' csrc/engine/*.[ch]
	@echo 'libuv only in lua_state, libuv_symbols, state_closing and connection'
	@! grep -nE '\buv_[a-z]|<uv\.h>|<luv' $(filter-out csrc/lua/lua_state.% \
		csrc/lua/libuv_symbols.% csrc/lua/state_closing.% csrc/connection/%,$(wildcard csrc/*/*.[ch]))
	@echo 'one way into Lua; no unbounded string functions'
	@! grep -nE 'lua_pcall|lua_call\(|cb_pcall\(' $(filter-out csrc/lua/lua_state.c \
		csrc/connection/events.c csrc/lua/class.c csrc/lua/module.c,$(SRC))
	@echo 'OpenSSL runs between enter and leave'
	@! grep -nE '\bSSL_(do_handshake|connect|accept|shutdown|(read|peek|write)(_ex|_early_data)?) *\(|\bASYNC_' \
		$(filter-out csrc/engine/handshake.c csrc/engine/handshake_control.c \
		csrc/engine/read.c csrc/engine/write.c,$(SRC))
	@! grep -nE '\b(sprintf|strcpy|strcat|strncpy|atoi)\(' $(SRC)
	@! grep -nE 'req->data|handle->data' $(SRC)
	@awk -f scripts/sizes.awk csrc/*/*.[ch] $(MODULES)

ASAN_LIB = $(shell $(CC) -print-file-name=libasan.so)
asan: deps
	$(MAKE) BUILD=build-asan CFLAGS='$(SAN)' LDFLAGS='$(SAN)' all \
		build-asan/engine_test $(PROGRAMS:$(BUILD)/%=build-asan/%)
	$(MAKE) all $(SUPERVISE) jit # the closed host of uvlink_spec is not sanitized
	build-asan/engine_test
	$(subst $(BUILD)/?,build-asan/?,$(PATHS)) TLS_BUILD=build-asan \
		ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 \
		LSAN_OPTIONS=suppressions=$(CURDIR)/spec/support/lsan.supp:print_suppressions=0 \
		$(RUN) env LD_PRELOAD=$(ASAN_LIB) $(BUSTED)

valgrind: all $(SUPERVISE)
	$(PATHS) TLS_BUILD=$(BUILD) TLS_SLOW=10 $(RUN) valgrind -q --error-exitcode=9 $(BUSTED)

gcstress: all $(SUPERVISE)
	$(PATHS) TLS_BUILD=$(BUILD) TLS_GCSTRESS=1 TLS_SLOW=5 $(RUN) $(BUSTED)

# The specs while their timers are early, or late, or those of the library early:
# what fails here depends on how fast the machine is. See spec/support/timers.lua.
TIMERS = early late
timers: all $(SUPERVISE)
	for mode in $(TIMERS); do $(PATHS) TLS_BUILD=$(BUILD) TLS_TIMERS=$$mode $(RUN) $(BUSTED) || exit 1; done

# Hostile bytes, FUZZ seconds for each target; needs clang. What it finds stays
# in build-fuzz and is run first the next time.
FUZZ ?= 60
FUZZ_SAN = -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
	-fno-sanitize-recover=undefined
FUZZ_OPTIONS = -max_total_time=$(FUZZ) -max_len=4096 -len_control=0 -timeout=20 \
	-verbosity=0 -print_final_stats=1 -artifact_prefix=build-fuzz/
fuzz: deps
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
	clang -std=gnu11 $(WARN) $(DEFS) $(FUZZ_SAN) -fsanitize=fuzzer -Icsrc -o $@ \
		$^ $(OPENSSL_LIBS)

build-fuzz/readers_fuzz: spec/fuzz/readers_fuzz.c
	clang -std=gnu11 $(WARN) $(FUZZ_SAN) -fsanitize=fuzzer $(LUA_CFLAGS) -o $@ $< \
		$(WHOLE_HOST)

# === benchmarks: see docs/performance.md ===

$(BUILD)/bench/load: bench/load.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O2 $(WARN) $(OPENSSL_CFLAGS) -o $@ $< $(OPENSSL_LIBS)

$(BUILD)/bench/limit: bench/limit.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O2 -g $(WARN) $(OPENSSL_CFLAGS) -o $@ $< $(OPENSSL_LIBS) -luv

BENCH = $(BUILD)/bench/load $(BUILD)/bench/limit

bench: deps
	@$(MAKE) -s all $(BENCH)
	@$(PATHS) $(LUA) bench/run.lua

bench-quick: deps
	@$(MAKE) -s all $(BENCH)
	@$(PATHS) $(LUA) bench/run.lua --quick

# ACCEPT=1 keeps the figures in bench/COUNTS.
bench-count: deps
	@command -v valgrind >/dev/null || { echo 'bench-count: valgrind is not installed'; exit 1; }
	@$(MAKE) -s all $(BENCH)
	@$(PATHS) $(LUA) bench/count.lua $(if $(ACCEPT),--accept)

install: all
	install -d $(DESTDIR)$(LUA_CMOD)/tls
	cd lua && for file in $(MODULES:lua/%=%); do \
		install -d $(DESTDIR)$(LUA_LMOD)/$$(dirname $$file) && \
		install -m644 $$file $(DESTDIR)$(LUA_LMOD)/$$file || exit 1; done
	install -m755 $(CORE) $(DESTDIR)$(LUA_CMOD)/tls

clean:
	rm -rf build build-asan build-fuzz
	rm -f csrc/*/*.o tls/core.so # what luarocks make leaves

.PHONY: all env deps demo options rockspec test jit check asan valgrind gcstress timers fuzz bench bench-quick bench-count install clean
