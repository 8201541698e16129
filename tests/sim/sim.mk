# SPDX-License-Identifier: MIT
#
# The simulations: tests/sim/test_simulated_*.c with what they share. They are run like unit tests.

SIM_SHARED := $(patsubst %,$(OBJ)/tests/sim/%.o,sim oracle oracle_claims oracle_moves oracle_purge oracle_reads checked_store)
TEST_OBJ_test_simulated_store := $(SIM_SHARED) $(patsubst %,$(OBJ)/tests/sim/%.o,store_scene store_executors store_clients)

# Fibers in the place of threads, and everything that would not be the same the next time.
TEST_OBJ_test_simulated_queue := $(SIM_SHARED) $(patsubst %,$(OBJ)/tests/sim/%.o,fiber fiber_sync sim_kinds sim_carry queue_world queue_nodes queue_clients queue_watch)
TEST_LIBS_test_simulated_queue := -Wl,--wrap=clock_gettime,--wrap=getrandom,--wrap=arc4random_buf,--wrap=statvfs,--wrap=log_write
