# SPDX-License-Identifier: MIT
#
# Unit tests mirror src: tests/unit/<dir>/test_<file>.c becomes $(OUT)/tests/test_<file>, linked with
# libtaskq.a, tests/lib and cmocka. tests/store/*.c likewise.

TEST_SRC  := $(sort $(shell find tests/unit tests/store -name 'test_*.c' 2>/dev/null))
TEST_BIN  := $(foreach t,$(TEST_SRC),$(OUT)/tests/$(basename $(notdir $(t))))
TEST_LIB_OBJ := $(patsubst %.c,$(OBJ)/%.o,$(sort $(shell find tests/lib -name '*.c' 2>/dev/null)))

.PHONY: tests
tests: $(TEST_BIN)

define TEST_RULE
$(OUT)/tests/$(basename $(notdir $(1))): $(OBJ)/$(basename $(1)).o $(TEST_LIB_OBJ) $(OUT)/libtaskq.a
	@mkdir -p $$(@D)
	$(CC) $(ALL_LDFLAGS) -o $$@ $$^ $(LIB_LIBS) -lcmocka $$(TEST_LIBS_$(basename $(notdir $(1))))
endef
$(foreach t,$(TEST_SRC),$(eval $(call TEST_RULE,$(t))))

$(OBJ)/tests/%.o: ALL_CFLAGS += -Itests/lib -Wno-conversion -Wno-sign-conversion

.PHONY: check-unit
check-unit: $(TEST_BIN)
	@failed=0; for t in $(TEST_BIN); do $$t >$$t.log 2>&1 && echo "ok $$t" || { cat $$t.log; echo "FAILED $$t"; failed=1; }; done; exit $$failed
