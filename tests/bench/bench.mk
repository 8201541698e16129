# SPDX-License-Identifier: MIT
#
# make bench-store         rows a second through store.h, beside bare SQLite in the same run

$(OUT)/bench/bench_store: $(OBJ)/tests/bench/bench_store.o $(OUT)/libtaskq.a
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIB_LIBS)

.PHONY: bench-store
bench-store: $(OUT)/bench/bench_store
	$(OUT)/bench/bench_store
