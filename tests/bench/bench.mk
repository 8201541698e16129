# SPDX-License-Identifier: MIT
#
# make bench-store         rows a second through store.h, beside bare SQLite in the same run
# make bench-programs      the programs that scripts/bench runs

$(OUT)/bench/bench_store: $(OBJ)/tests/bench/bench_store.o $(OUT)/libtaskq.a
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIB_LIBS)

.PHONY: bench-store
bench-store: $(OUT)/bench/bench_store
	$(OUT)/bench/bench_store

BENCH_PROGRAMS := loadgen hello

BENCH_OBJ_loadgen := $(patsubst %,$(OBJ)/tests/bench/%.o,loadgen load_run load_client load_answer load_histogram)
BENCH_LIBS_loadgen := -lm
BENCH_OBJ_hello := $(OBJ)/tests/bench/hello.o
BENCH_LIBS_hello := $(LIB_LIBS)

define BENCH_RULE
$(OUT)/bench/$(1): $$(BENCH_OBJ_$(1))
	@mkdir -p $$(@D)
	$$(call say,LINK)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $$@ $$^ $$(BENCH_LIBS_$(1))
endef
$(foreach program,$(BENCH_PROGRAMS),$(eval $(call BENCH_RULE,$(program))))

.PHONY: bench-programs
bench-programs: $(BENCH_PROGRAMS:%=$(OUT)/bench/%)
