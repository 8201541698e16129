/* SPDX-License-Identifier: MIT */
/*
 * The engine of http-fetch: one thread, one curl_multi, hundreds of transfers. Contracts are those
 * of struct engine_ops in kinds/kind.h.
 */
#ifndef TASKQ_KINDS_FETCH_FETCH_ENGINE_H
#define TASKQ_KINDS_FETCH_FETCH_ENGINE_H

#include "kinds/kind.h"
#include "kinds/kind_settings.h"

/*
 * open: INVALID when a CIDR of the settings is malformed, NOMEM, INTERNAL.
 * A run that was added and whose word (run.h) is not to go on, or that is in the engine at an
 * abort, is given back within about 100 ms. An abort is for good: what is added later comes back at
 * once. The engine begins a run (run_begin) when its transfer starts; until then no time runs out.
 */
extern const struct engine_ops fetch_engine_ops;

/**
 * fetch_engine_check_settings - whether the address lists can be compiled; any thread
 * Returns OK; INVALID with the setting's name; NOMEM.
 */
enum status fetch_engine_check_settings(
    const struct fetch_settings *settings, struct error *error) NODISCARD;

#endif
