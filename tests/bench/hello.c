/* SPDX-License-Identifier: MIT */
/*
 * The yardstick: a libmicrohttpd hello-world in the mode that taskqd uses, with the same kind of
 * headers left out. Its rate in the same run is the ceiling that the benchmarks are ratios of.
 *
 *	hello [BYTES]
 *
 * With BYTES every answer has a body of so many. Prints its port; ends when its standard input
 *ends.
 */
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	CONNECTIONS_MAX = 8192,
	BODY_BYTES_MAX = 1 << 28,
	STACK_BYTES = 512 * 1024,
	POOL_BYTES = 16 * 1024,
};

static char hello[] = "{\"hello\":\"world\"}";

static enum MHD_Result
answer(void *context, struct MHD_Connection *connection, const char *url, const char *method,
    const char *version, const char *upload_data, size_t *upload_data_size, void **request)
{
	(void)url;
	(void)method;
	(void)version;
	(void)upload_data;
	static char seen;
	if (*request == NULL) {
		*request = &seen;
		return MHD_YES;
	}
	if (*upload_data_size > 0) {
		*upload_data_size = 0;
		return MHD_YES;
	}
	return MHD_queue_response(connection, MHD_HTTP_OK, context);
}

/* The one answer; NULL when there is no memory for it. */
static struct MHD_Response *
make_response(size_t bytes)
{
	if (bytes == 0)
		return MHD_create_response_from_buffer(
		    sizeof(hello) - 1, hello, MHD_RESPMEM_PERSISTENT);
	char *body = malloc(bytes);
	if (body == NULL)
		return NULL;
	memset(body, 'x', bytes);
	return MHD_create_response_from_buffer(bytes, body, MHD_RESPMEM_MUST_FREE);
}

int
main(int argc, char *argv[])
{
	size_t bytes = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
	struct MHD_Response *response = bytes <= BODY_BYTES_MAX ? make_response(bytes) : NULL;
	if (response == NULL)
		return 1;
	struct MHD_Daemon *daemon =
	    MHD_start_daemon(MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD |
				 MHD_USE_POLL | MHD_USE_ITC | MHD_USE_ERROR_LOG,
		0, NULL, NULL, answer, response, MHD_OPTION_CONNECTION_LIMIT,
		(unsigned int)CONNECTIONS_MAX, MHD_OPTION_THREAD_STACK_SIZE, (size_t)STACK_BYTES,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL_BYTES, MHD_OPTION_END);
	if (daemon == NULL)
		return 1;
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT);
	printf("%u\n", (unsigned)info->port);
	fflush(stdout);
	char byte;
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	MHD_stop_daemon(daemon);
	MHD_destroy_response(response);
	return 0;
}
