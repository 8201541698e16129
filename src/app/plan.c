/* SPDX-License-Identifier: MIT */
/* From settings and machine to what is used; see plan.h. */
#include "app/plan.h"

#include <inttypes.h>

#include "app/settings.h"
#include "base/log.h"
#include "kinds/kind.h"

enum {
	MIB = 1024 * 1024,
};

static enum status
share(const struct conf *conf, struct resources *ret_resources, struct kind_settings *kinds,
    struct budget *ret_budget, struct error *error)
{
	enum status status;

	resources_measure(ret_resources);
	status = resources_share(ret_resources, (unsigned)conf->http_connections_max,
	    (unsigned)conf->fetch_in_flight_max, (unsigned)conf->cpu_executors, ret_budget, error);
	if (status != STATUS_OK)
		return status;
	if (conf->cpu_memory_mib > 0)
		ret_budget->cpu_memory_bytes = (uint64_t)conf->cpu_memory_mib * MIB;
	kinds->fetch.in_flight_max = ret_budget->fetch_in_flight;
	kinds->fetch.per_host_max = settings_of_host_places(conf, ret_budget->fetch_in_flight);
	kinds->cpu_memory_max_bytes = ret_budget->cpu_memory_bytes;
	return STATUS_OK;
}

/* What the settings ask for and do not get is said once, so that nobody has to guess it later. */
static void
tell_shrunk(const struct conf *conf, const struct resources *resources,
    const struct kind_settings *kinds, const struct budget *budget)
{
	if (budget->connections_max < conf->http_connections_max)
		log_warn(LOG_EVENT("connections_shrunk"),
		    LOG_INT("wanted", conf->http_connections_max),
		    LOG_INT("max", budget->connections_max),
		    LOG_INT("descriptors", resources->descriptors));
	if (budget->fetch_in_flight < conf->fetch_in_flight_max)
		log_warn(LOG_EVENT("fetches_shrunk"), LOG_INT("wanted", conf->fetch_in_flight_max),
		    LOG_INT("max", budget->fetch_in_flight),
		    LOG_INT("descriptors", resources->descriptors));
	if (kinds_memory_bytes(kinds) > budget->cpu_memory_bytes)
		log_warn(LOG_EVENT("largest_factorials_refused"),
		    LOG_INT("factorial_max_n", conf->factorial_max_n),
		    LOG_INT("takes_mib", kinds_memory_bytes(kinds) / MIB),
		    LOG_INT("cpu_memory_mib", budget->cpu_memory_bytes / MIB));
}

enum status
plan_make(const struct conf *conf, struct kind_settings *kinds, struct budget *ret_budget,
    struct error *error)
{
	struct resources resources;
	enum status status = share(conf, &resources, kinds, ret_budget, error);

	if (status != STATUS_OK)
		return status;
	tell_shrunk(conf, &resources, kinds, ret_budget);
	log_info(LOG_EVENT("resources"), LOG_INT("cores", resources.cores),
	    LOG_INT("memory_mib", resources.memory_bytes / MIB),
	    LOG_INT("descriptors", resources.descriptors),
	    LOG_INT("cpu_executors", ret_budget->cpu_executors),
	    LOG_INT("cpu_memory_mib", ret_budget->cpu_memory_bytes / MIB),
	    LOG_INT("fetch_in_flight_max", ret_budget->fetch_in_flight),
	    LOG_INT("fetch_per_host_max", kinds->fetch.per_host_max),
	    LOG_INT("http_connections_max", ret_budget->connections_max));
	return STATUS_OK;
}

void
plan_print(const struct conf *conf, FILE *stream)
{
	struct kind_settings kinds = settings_of_kinds(conf);
	struct error error = { "" };
	struct resources resources;
	struct budget budget;

	if (share(conf, &resources, &kinds, &budget, &error) != STATUS_OK) {
		fprintf(stream, "# This machine cannot serve these settings: %s.\n", error.text);
		return;
	}
	fprintf(stream, "# On this machine: %u connections, %u fetches, %u factorials at once.\n",
	    budget.connections_max, budget.fetch_in_flight, budget.cpu_executors);
	fprintf(stream,
	    "# Factorials are computed in at most %" PRIu64 " MiB, the largest in %" PRIu64
	    " MiB.\n",
	    budget.cpu_memory_bytes / MIB, kinds_memory_bytes(&kinds) / MIB + 1);
}
