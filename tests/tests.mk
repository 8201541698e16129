# SPDX-License-Identifier: MIT
#
# Unit tests mirror src: tests/unit/<dir>/test_<file>.c becomes $(OUT)/tests/test_<file>, linked with
# tests/lib (an archive: a test takes what it uses), libtaskq.a and cmocka. tests/store/*.c likewise. TEST_OBJ_<name> is linked before the
# archive, in the place of what it defines.

TEST_SRC  := $(sort $(shell find tests/unit tests/store tests/sim -name 'test_*.c' 2>/dev/null))
TEST_BIN  := $(foreach t,$(TEST_SRC),$(OUT)/tests/$(basename $(notdir $(t))))
TEST_LIB_OBJ := $(patsubst %.c,$(OBJ)/%.o,$(sort $(shell find tests/lib -name '*.c' 2>/dev/null)))

$(OUT)/libtests.a: $(TEST_LIB_OBJ)
	$(call say,AR)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

.PHONY: tests
tests: $(TEST_BIN)

TEST_OBJ_test_http_server := $(OBJ)/tests/unit/http/fake_queue.o $(OBJ)/tests/unit/http/http_rig.o
TEST_OBJ_test_http_endpoints := $(TEST_OBJ_test_http_server)
TEST_OBJ_test_endpoint_stats := $(TEST_OBJ_test_http_server)
TEST_OBJ_test_endpoint_history := $(TEST_OBJ_test_http_server)
TEST_OBJ_test_endpoint_submission := $(TEST_OBJ_test_http_server)
TEST_OBJ_test_endpoint_dashboard := $(TEST_OBJ_test_http_server)
TEST_OBJ_test_endpoint_events := $(TEST_OBJ_test_http_server)
TEST_OBJ_test_endpoint_list := $(TEST_OBJ_test_http_server)
TEST_OBJ_test_endpoint_retry := $(TEST_OBJ_test_http_server)
TEST_OBJ_test_endpoint_openapi := $(TEST_OBJ_test_http_server)
TEST_OBJ_test_endpoint_health := $(TEST_OBJ_test_http_server)
TEST_OBJ_test_endpoint_metrics := $(TEST_OBJ_test_http_server)
TEST_OBJ_test_http_wait := $(TEST_OBJ_test_http_server)
TEST_OBJ_test_http_idempotency := $(TEST_OBJ_test_http_server)
TEST_OBJ_test_queue := $(OBJ)/tests/unit/queue/queue_scene.o
TEST_OBJ_test_queue_answer := $(TEST_OBJ_test_queue)
TEST_OBJ_test_queue_batch := $(TEST_OBJ_test_queue)
TEST_OBJ_test_queue_bounds := $(TEST_OBJ_test_queue)
TEST_OBJ_test_queue_faults := $(TEST_OBJ_test_queue)
TEST_OBJ_test_queue_hosts := $(TEST_OBJ_test_queue)
TEST_OBJ_test_queue_idempotency := $(TEST_OBJ_test_queue)
TEST_OBJ_test_queue_progress := $(TEST_OBJ_test_queue)
TEST_OBJ_test_queue_purge := $(TEST_OBJ_test_queue)
TEST_OBJ_test_queue_terms := $(TEST_OBJ_test_queue)
TEST_OBJ_test_lane_start := $(TEST_OBJ_test_queue)
TEST_OBJ_test_queue_figures := $(TEST_OBJ_test_queue)
TEST_OBJ_test_final_cache := $(OBJ)/tests/unit/queue/final_cache_rig.o
TEST_OBJ_test_final_cache_room := $(TEST_OBJ_test_final_cache)
TEST_OBJ_test_committer := $(OBJ)/tests/unit/store/committer_rig.o
TEST_OBJ_test_committer_starts := $(TEST_OBJ_test_committer)

include tests/sim/sim.mk

define TEST_RULE
$(OUT)/tests/$(basename $(notdir $(1))): $(OBJ)/$(basename $(1)).o $(TEST_OBJ_$(basename $(notdir $(1)))) $(OUT)/libtests.a $(OUT)/libtaskq.a
	@mkdir -p $$(@D)
	$$(call say,LINK)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $$@ $$^ $(LIB_LIBS) -lcmocka $$(TEST_LIBS_$(basename $(notdir $(1))))
endef
$(foreach t,$(TEST_SRC),$(eval $(call TEST_RULE,$(t))))

$(OBJ)/tests/%.o: ALL_CFLAGS += -Itests/lib -Wno-conversion -Wno-sign-conversion

# As many at a time as there are cores. A test that hangs is a failure, not a wait.
.PHONY: check-unit
check-unit: $(TEST_BIN)
	@printf '%s\n' $(TEST_BIN) | xargs -P "$$(nproc)" -I '{}' sh -c \
		'timeout -k 5 300 "$$1" >"$$1.log" 2>&1 && echo "ok $$1" || { cat "$$1.log"; echo "FAILED $$1"; exit 1; }' sh '{}'

# The inner loop: units, the store's conformance suite, and the quick end-to-end suites.
CHECK_E2E ?= test_contract.py test_contract_http.py test_wire.py test_settings.py
.PHONY: check
check: check-unit $(OUT)/taskqd
	@TASKQD=$(abspath $(OUT)/taskqd) PYTHON=$(PYTHON) tests/e2e/run -q $(CHECK_E2E)

# Everything, as scripts/test does it, without installing: what is not there is a failure.
.PHONY: check-all
check-all:
	scripts/test --no-install

# A test that refuses allocations wraps malloc and its kin; it defines __wrap_malloc and so on.
WRAP_ALLOCATIONS := -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
TEST_LIBS_test_conf_value := $(WRAP_ALLOCATIONS)
TEST_LIBS_test_lane_start := -Wl,--wrap=malloc
TEST_LIBS_test_queue_batch := -Wl,--wrap=calloc
TEST_LIBS_test_buf := -Wl,--wrap=realloc
TEST_LIBS_test_scratch := -Wl,--wrap=malloc,--wrap=free
TEST_LIBS_test_file_copy := -Wl,--wrap=copy_file_range
TEST_LIBS_test_uuid := -Wl,--wrap=getrandom
TEST_LIBS_test_output := -Wl,--wrap=pwrite,--wrap=fdatasync,--wrap=sync_file_range
TEST_LIBS_test_fetch_engine := -Wl,--wrap=calloc
TEST_LIBS_test_fetch_events := -Wl,--wrap=epoll_wait
TEST_LIBS_test_fetch_transfer := -Wl,--wrap=address_policy_allows
TEST_LIBS_test_fetch_options := -Wl,--wrap=curl_easy_setopt
TEST_LIBS_test_factorial := -lgmp -Wl,--wrap=mmap,--wrap=aligned_alloc
TEST_LIBS_test_arena := -Wl,--wrap=mmap,--wrap=aligned_alloc
TEST_LIBS_test_bn_product := -lgmp
TEST_LIBS_test_factorisation := -lgmp
TEST_LIBS_test_multiplier := -lgmp
TEST_LIBS_test_transform := -lgmp
TEST_LIBS_test_uint128 := -lgmp
TEST_LIBS_test_small_factorials := -lgmp
TEST_LIBS_test_store_files := -Wl,--wrap=fsync,--wrap=fdatasync,--wrap=rename,--wrap=openat
TEST_LIBS_test_store_memory := $(WRAP_ALLOCATIONS)

-include tests/fuzz/fuzz.mk
-include tests/bench/bench.mk

# Libraries to preload into the daemon. Without sanitizers: whoever preloads them decides.
PRELOAD_SO := $(patsubst tests/lib-preload/%.c,$(OUT)/tests/%.so,$(sort $(wildcard tests/lib-preload/*.c)))
.PHONY: preloads
preloads: $(PRELOAD_SO)
tests: preloads

$(OUT)/tests/%.so: tests/lib-preload/%.c
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) -std=c17 -D_GNU_SOURCE $(WARNINGS) -O2 -g -fPIC -shared -pthread -o $@ $<

# Names come from the fake resolver, linked in.
$(OUT)/tests/test_fetch_lookups: $(OBJ)/tests/lib-preload/fake_dns.o
