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

BENCH_PROGRAMS := loadgen hello fill fetch_bare factorial_gmp

BENCH_OBJ_loadgen := $(patsubst %,$(OBJ)/tests/bench/%.o,loadgen load_run load_wait load_client load_answer load_histogram)
BENCH_LIBS_loadgen := -lm
BENCH_OBJ_hello := $(OBJ)/tests/bench/hello.o
BENCH_LIBS_hello := $(LIB_LIBS)
BENCH_OBJ_fill := $(OBJ)/tests/bench/fill.o $(OUT)/libtaskq.a
BENCH_LIBS_fill := $(LIB_LIBS)
BENCH_OBJ_fetch_bare := $(OBJ)/tests/bench/fetch_bare.o
BENCH_LIBS_fetch_bare := $(LIB_LIBS)
BENCH_OBJ_factorial_gmp := $(OBJ)/tests/bench/factorial_gmp.o $(OUT)/libtaskq.a
BENCH_LIBS_factorial_gmp := $(LIB_LIBS) -lgmp

define BENCH_RULE
$(OUT)/bench/$(1): $$(BENCH_OBJ_$(1))
	@mkdir -p $$(@D)
	$$(call say,LINK)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $$@ $$^ $$(BENCH_LIBS_$(1))
endef
$(foreach program,$(BENCH_PROGRAMS),$(eval $(call BENCH_RULE,$(program))))

.PHONY: bench-programs
bench-programs: $(BENCH_PROGRAMS:%=$(OUT)/bench/%)
