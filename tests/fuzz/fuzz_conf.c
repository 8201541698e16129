/* SPDX-License-Identifier: MIT */
/*
 * Any text as a configuration file: it is refused with its place, or accepted, and then what
 * --print-config would write is accepted as well and gives the same configuration.
 */
#include "fuzz.h"

#include <stdbool.h>
#include <string.h>

#include "conf/conf.h"

static char *
printed(const struct conf *conf)
{
	char *text = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);

	FUZZ_REQUIRE(stream != NULL);
	conf_print(conf, stream);
	FUZZ_REQUIRE(fclose(stream) == 0);
	return text;
}

static void
read_back(const char *text)
{
	struct conf conf;
	struct error error;
	char *again;
	char *and_again;

	FUZZ_REQUIRE(conf_init(&conf, &error) == STATUS_OK);
	FUZZ_REQUIRE(conf_parse_file(&conf, "printed", text, strlen(text), &error) == STATUS_OK);
	/* Now every origin is the file, so that from here on the text stays as it is. */
	again = printed(&conf);
	conf_done(&conf);
	FUZZ_REQUIRE(conf_init(&conf, &error) == STATUS_OK);
	FUZZ_REQUIRE(conf_parse_file(&conf, "printed", again, strlen(again), &error) == STATUS_OK);
	and_again = printed(&conf);
	FUZZ_REQUIRE(strcmp(again, and_again) == 0);
	conf_done(&conf);
	free(again);
	free(and_again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf conf;
	struct error error = { "" };
	enum status status;

	FUZZ_REQUIRE(conf_init(&conf, &error) == STATUS_OK);
	status = conf_parse_file(&conf, "file", (const char *)data, size, &error);
	if (status == STATUS_OK) {
		char *text = printed(&conf);

		read_back(text);
		free(text);
	} else {
		FUZZ_REQUIRE(status == STATUS_INVALID);
		FUZZ_REQUIRE(strncmp(error.text, "file:", 5) == 0);
		for (const char *at = error.text; *at != '\0'; at++)
			FUZZ_REQUIRE(*at >= ' ' && *at <= '~');
	}
	conf_done(&conf);
	return 0;
}
