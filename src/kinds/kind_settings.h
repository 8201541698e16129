/* SPDX-License-Identifier: MIT */
/*
 * Limits and policies of the kinds. app/ fills it from the settings before anything starts; it is
 * immutable afterwards, and every pointer in it outlives every user.
 */
#ifndef TASKQ_KINDS_KIND_SETTINGS_H
#define TASKQ_KINDS_KIND_SETTINGS_H

#include <stddef.h>
#include <stdint.h>

struct factorial_settings {
	uint64_t n_max; /* largest accepted n */
};

struct fetch_settings {
	const char *const
	    *allow_cidrs; /* operator's list: allowed whatever else is denied but `deny` */
	size_t allow_count;
	const char *const *deny_cidrs; /* operator's list: denied whatever else is allowed */
	size_t deny_count;
	uint16_t own_port; /* our API's port: denied at every address of this machine */
	const char *user_agent;
	long connect_timeout_ms;
	long total_timeout_ms;
	uint64_t body_max_bytes;
	long redirects_max;
	unsigned in_flight_max; /* transfers at once */
	unsigned per_host_max;  /* of them to one host and port */
};

struct kind_settings {
	/* What the attempts of CPU kinds may take at once (kind.h, memory_bytes); 0: any. */
	uint64_t cpu_memory_max_bytes;
	struct factorial_settings factorial;
	struct fetch_settings fetch;
};

#endif
