# SPDX-License-Identifier: MIT
#
# make fuzz FUZZ_SECONDS=30        search for new inputs with every target, that long each
# make fuzzers                     build the targets: $(OUT)/fuzz/fuzz_NAME
# make check-fuzz-regressions      replay what is kept, without libFuzzer, under AddressSanitizer
# make lint                        clang-tidy and gcc -fanalyzer over src and the fuzz targets
#
# Every tests/fuzz/fuzz_NAME.c is a target. Its seeds are tests/fuzz/corpus/NAME/*, inputs that once
# showed a fault are tests/fuzz/regressions/NAME/*, and tests/fuzz/NAME.dict is its dictionary, if
# there is one. FUZZ_LIBS_fuzz_NAME adds to its link. libFuzzer comes with clang, so these rules use
# FUZZ_CC whatever CC is, with objects of their own.

FUZZ_CC      ?= clang
FUZZ_SECONDS ?= 30
FUZZ_SAN     := address,undefined
FUZZ_OUT     := $(OUT)/fuzz
FUZZ_NAMES   := $(patsubst tests/fuzz/fuzz_%.c,%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
FUZZ_BIN     := $(FUZZ_NAMES:%=$(FUZZ_OUT)/fuzz_%)
FUZZ_SRC_OBJ := $(SRC:%.c=$(FUZZ_OUT)/obj/%.o)
FUZZ_CFLAGS  := -std=c17 -D_GNU_SOURCE -DTASKQ_VERSION='"$(VERSION)"' -DTASKQ_DEBUG -Isrc -I$(GEN) \
	-Itests/fuzz $(WARNINGS) -O1 -g -fno-omit-frame-pointer -fPIE -pthread $(LIB_CFLAGS) \
	-fsanitize=fuzzer-no-link,$(FUZZ_SAN) -fno-sanitize-recover=all $(CFLAGS)

# The seeds and regressions of $(1), as far as there are any.
fuzz_inputs = $(wildcard tests/fuzz/corpus/$(1) tests/fuzz/regressions/$(1))

.PHONY: fuzzers
fuzzers: $(FUZZ_BIN)

$(FUZZ_OUT)/obj/%.o: %.c $(SQL_GEN) $(WEB_GEN)
	@mkdir -p $(@D)
	$(FUZZ_CC) $(FUZZ_CFLAGS) -MMD -MP -c -o $@ $<

$(FUZZ_OUT)/libtaskq.a: $(FUZZ_SRC_OBJ)
	rm -f $@ && $(AR) rcs $@ $^

$(FUZZ_BIN): $(FUZZ_OUT)/%: $(FUZZ_OUT)/obj/tests/fuzz/%.o $(FUZZ_OUT)/libtaskq.a
	$(FUZZ_CC) -fsanitize=fuzzer,$(FUZZ_SAN) -pie -pthread $(LDFLAGS) -o $@ $^ $(LIB_LIBS) \
		$(FUZZ_LIBS_$*)

# New inputs go below build/; the search ends by itself, with a fault or after its time.
.PHONY: fuzz
fuzz: $(FUZZ_NAMES:%=fuzz-run-%)

.PHONY: $(FUZZ_NAMES:%=fuzz-run-%)
$(FUZZ_NAMES:%=fuzz-run-%): fuzz-run-%: $(FUZZ_OUT)/fuzz_%
	@mkdir -p $(FUZZ_OUT)/found/$*
	$< -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
		-artifact_prefix=$(FUZZ_OUT)/fault-$*- $(patsubst %,-dict=%,$(wildcard tests/fuzz/$*.dict)) \
		$(FUZZ_OUT)/found/$* $(call fuzz_inputs,$*)

.PHONY: check-fuzz-regressions
ifeq ($(SANITIZE),address)
FUZZ_REPLAY := $(FUZZ_NAMES:%=$(OUT)/replay/fuzz_%)

$(OBJ)/tests/fuzz/%.o: ALL_CFLAGS += -Itests/fuzz
$(FUZZ_REPLAY): $(OUT)/replay/%: $(OBJ)/tests/fuzz/%.o $(OBJ)/tests/fuzz/replay.o $(OUT)/libtaskq.a
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIB_LIBS) $(FUZZ_LIBS_$*)

check-fuzz-regressions: $(FUZZ_NAMES:%=fuzz-replay-%)

.PHONY: $(FUZZ_NAMES:%=fuzz-replay-%)
$(FUZZ_NAMES:%=fuzz-replay-%): fuzz-replay-%: $(OUT)/replay/fuzz_%
	@$< $(call fuzz_inputs,$*) >$<.log 2>&1 && echo "ok $< ($$(tail -n 1 $<.log))" || \
		{ cat $<.log; echo "FAILED $<"; exit 1; }
else
check-fuzz-regressions:
	$(MAKE) --no-print-directory SANITIZE=address check-fuzz-regressions
endif

.PHONY: lint
lint: $(SQL_GEN)
	BUILD=$(BUILD) scripts/check-lint

-include $(shell find $(FUZZ_OUT)/obj -name '*.d' 2>/dev/null)
