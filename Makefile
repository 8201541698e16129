# SPDX-License-Identifier: MIT
#
# make                     build/taskqd and build/taskq
# make check               the quick tests (under a minute)
# make check-all           every test that needs no further service
# make install DESTDIR= PREFIX=/usr/local
# make deb                 build/taskq_VERSION_ARCH.deb
# make clean
# make SANITIZE=address    or thread: everything below build/address, build/thread
# make CC=clang            clang as well as gcc
# make V=1                 show the commands
#
# Works alone through pkg-config; ./configure is optional and only writes config.mk.
# Nothing is written outside build/.

-include config.mk

VERSION    := 0.1.0
PREFIX     ?= /usr/local
BUILD      ?= build
SANITIZE   ?=
WERROR     ?=
CC         ?= cc
PKG_CONFIG ?= pkg-config
PYTHON     ?= /usr/bin/python3

LIBS       := libmicrohttpd jansson libcurl libcrypto sqlite3
LIB_CFLAGS ?= $(shell $(PKG_CONFIG) --cflags $(LIBS))
LIB_LIBS   ?= $(shell $(PKG_CONFIG) --libs $(LIBS)) -lm

# What the client takes of them. It is linked with no other, so that what it must not use is not there.
CLIENT_LIBS     := jansson libcurl
CLIENT_LIB_LIBS ?= $(shell $(PKG_CONFIG) --libs $(CLIENT_LIBS))

IS_CLANG := $(findstring clang,$(shell $(CC) --version 2>/dev/null | head -n 1))

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wformat=2 -Wconversion -Wsign-conversion \
	-Wstrict-prototypes -Wmissing-prototypes -Wundef -Wcast-qual -Wwrite-strings -Wvla \
	-Wnull-dereference -Wswitch-enum -Wimplicit-fallthrough -Wno-psabi \
	$(if $(IS_CLANG),-Wthread-safety) $(if $(WERROR),-Werror)
HARDENING := -fstack-protector-strong -fstack-clash-protection -fPIE
HARDENING_LINK := -pie -Wl,-z,relro,-z,now,-z,noexecstack

ifeq ($(SANITIZE),)
OUT          := $(BUILD)
OPTIMISATION ?= -O2 -g
SAN_FLAGS    := -D_FORTIFY_SOURCE=3
else ifeq ($(SANITIZE),address)
OUT          := $(BUILD)/address
OPTIMISATION ?= -O1 -g
SAN_FLAGS    := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -DTASKQ_DEBUG
else ifeq ($(SANITIZE),thread)
OUT          := $(BUILD)/thread
OPTIMISATION ?= -O1 -g
SAN_FLAGS    := -fsanitize=thread -fno-omit-frame-pointer -DTASKQ_DEBUG
else
$(error SANITIZE is '$(SANITIZE)', expected address or thread)
endif

# Commands are shown with V=1; without it a word and what is made, and with -s nothing.
QUIET := $(findstring s,$(firstword -$(MAKEFLAGS)))
Q     := $(if $(V),,@)
say    = $(if $(V)$(QUIET),,@printf '  %-6s %s\n' $(1) $@)

OBJ := $(OUT)/obj
GEN := $(BUILD)/gen

BASE_CFLAGS := -std=c17 -D_GNU_SOURCE -DTASKQ_VERSION='"$(VERSION)"' -Isrc -I$(GEN) \
	$(WARNINGS) $(HARDENING) $(OPTIMISATION) $(SAN_FLAGS) -pthread $(LIB_CFLAGS)
ALL_CFLAGS  := $(BASE_CFLAGS) $(CFLAGS)
ALL_LDFLAGS := $(HARDENING_LINK) $(filter -fsanitize%,$(SAN_FLAGS)) -pthread $(LDFLAGS)

PROGRAMS := src/main.c src/cli/taskq.c
SRC      := $(filter-out $(PROGRAMS),$(sort $(shell find src -name '*.c')))
SRC_OBJ  := $(SRC:%.c=$(OBJ)/%.o)
SQL_GEN  := $(GEN)/sqlite_statements.h
API_GEN  := $(GEN)/openapi_text.h
WEB_GEN  := $(GEN)/web_assets_table.h
WEB_SRC  := $(sort $(wildcard src/web/*.html src/web/*.css src/web/*.js src/web/*.svg))
CHART_JS ?= /usr/share/javascript/chart.js/chart.min.js

.PHONY: all
all: $(OUT)/taskqd $(OUT)/taskq

$(OUT)/taskqd: $(OBJ)/src/main.o $(OUT)/libtaskq.a
	$(call say,LINK)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIB_LIBS)

$(OUT)/taskq: $(OBJ)/src/cli/taskq.o $(OUT)/libtaskq.a
	$(call say,LINK)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(CLIENT_LIB_LIBS)

$(OUT)/libtaskq.a: $(SRC_OBJ)
	$(call say,AR)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(OBJ)/%.o: %.c $(SQL_GEN)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(SQL_GEN): scripts/embed-sql.awk $(sort $(wildcard sql/sqlite/*.sql))
	@mkdir -p $(@D)
	$(call say,SQL)
	$(Q)awk -v prefix=SQLITE -f scripts/embed-sql.awk $(sort $(wildcard sql/sqlite/*.sql)) > $@.tmp && mv $@.tmp $@

$(API_GEN): scripts/embed-text docs/openapi.json
	@mkdir -p $(@D)
	$(call say,API)
	$(Q)scripts/embed-text openapi docs/openapi.json > $@.tmp && mv $@.tmp $@

$(OBJ)/src/http/endpoint_openapi.o: $(API_GEN)

$(WEB_GEN): scripts/embed-web $(WEB_SRC) $(CHART_JS)
	@mkdir -p $(@D)
	$(call say,WEB)
	$(Q)scripts/embed-web $(GEN) $(CHART_JS) $(WEB_SRC)

$(OBJ)/src/http/web_assets.o: $(WEB_GEN)

$(CHART_JS):
	@echo "$@ is not there; Debian has it in libjs-chart.js" >&2; exit 1

include tests/tests.mk

include src/packaging/packaging.mk

SHARE := $(DESTDIR)$(PREFIX)/share

.PHONY: install
install: $(OUT)/taskqd $(OUT)/taskq install-packaging
	install -d $(DESTDIR)$(PREFIX)/bin $(SHARE)/man/man1 $(SHARE)/man/man5 $(SHARE)/man/man8 \
		$(SHARE)/bash-completion/completions $(SHARE)/doc/taskq/monitoring
	install -m 755 $(OUT)/taskqd $(DESTDIR)$(PREFIX)/bin/taskqd
	install -m 755 $(OUT)/taskq $(DESTDIR)$(PREFIX)/bin/taskq
	install -m 644 docs/taskq.1 $(SHARE)/man/man1/taskq.1
	install -m 644 docs/taskqd.conf.5 $(SHARE)/man/man5/taskqd.conf.5
	install -m 644 docs/taskqd.8 $(SHARE)/man/man8/taskqd.8
	install -m 644 src/cli/completion.bash $(SHARE)/bash-completion/completions/taskq
	install -m 644 docs/monitoring.md $(SHARE)/doc/taskq/monitoring.md
	install -m 644 $(wildcard docs/monitoring/*) $(SHARE)/doc/taskq/monitoring

.PHONY: clean
clean:
	rm -rf $(BUILD)

-include $(shell find $(OBJ) -name '*.d' 2>/dev/null)
