/* SPDX-License-Identifier: MIT */
/*
 * conf_load: the command line, the environment, the file, and which of them wins. Every test gives
 * its own arguments, variables and directory; the process's environment is never looked at.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "conf/conf.h"

/* Argument and variable vectors: T() for a literal, NONE for an empty one. */
#define ARGS(...) ((char *[]){ T("taskqd"), __VA_ARGS__, NULL })
#define VARS(...) ((char *[]){ __VA_ARGS__, NULL })
#define T(text)   ((char *)(uintptr_t)(text))
#define NONE      ((char *[]){ NULL })
#define NO_ARGS   ((char *[]){ T("taskqd"), NULL })

#define UNTOUCHED ((enum conf_action)99)

struct loaded {
	struct conf conf;
	enum conf_action action;
	struct error error;
	enum status status;
};

static char directory[64];
static char file[128];

static int
setup(void **state)
{
	(void)state;
	snprintf(directory, sizeof(directory), "/tmp/taskq-conf-XXXXXX");
	if (mkdtemp(directory) == NULL)
		return -1;
	snprintf(file, sizeof(file), "%s/taskqd.conf", directory);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	unlink(file);
	return rmdir(directory);
}

static void
write_file(const void *data, size_t size)
{
	FILE *stream = fopen(file, "wb");

	assert_non_null(stream);
	assert_int_equal(fwrite(data, 1, size, stream), size);
	assert_int_equal(fclose(stream), 0);
}

static void
write_text(const char *text)
{
	write_file(text, strlen(text));
}

static struct loaded
load(char *const *args, char *const *vars)
{
	struct loaded loaded = { 0 };
	int argc = 0;

	while (args[argc] != NULL)
		argc++;
	loaded.action = UNTOUCHED;
	loaded.status = conf_load(argc, args, vars, &loaded.conf, &loaded.action, &loaded.error);
	if (loaded.status != STATUS_OK) {
		/* Outputs are written only on success. */
		assert_null(loaded.conf.origins);
		assert_int_equal(loaded.action, UNTOUCHED);
		assert_true(strlen(loaded.error.text) > 0);
	}
	return loaded;
}

static void
assert_refused(char *const *args, char *const *vars, const char *place, const char *what)
{
	struct loaded loaded = load(args, vars);

	assert_int_equal(loaded.status, STATUS_INVALID);
	if (strstr(loaded.error.text, place) == NULL || strstr(loaded.error.text, what) == NULL)
		fail_msg("'%s' names not both '%s' and '%s'", loaded.error.text, place, what);
}

static void
test_nothing_given_means_defaults(void **state)
{
	struct loaded loaded = load(NO_ARGS, VARS(T("PATH=/bin"), T("TASKQ_QUEUE_MAX=3")));

	(void)state;
	assert_int_equal(loaded.status, STATUS_OK);
	assert_int_equal(loaded.action, CONF_ACTION_RUN);
	assert_string_equal(loaded.conf.listen, "127.0.0.1:18991");
	assert_int_equal(loaded.conf.queue_max, 100000);
	assert_false(loaded.conf.allow_open_listen);
	assert_int_equal(loaded.conf.fetch_allow.count, 0);
	assert_string_equal(loaded.conf.log_level, "info");
	conf_done(&loaded.conf);
}

static void
test_an_empty_argument_vector_means_defaults(void **state)
{
	struct conf conf;
	enum conf_action action;
	struct error error;

	(void)state;
	assert_int_equal(conf_load(0, NONE, NONE, &conf, &action, &error), STATUS_OK);
	assert_int_equal(action, CONF_ACTION_RUN);
	conf_done(&conf);
}

static void
test_file_wins_over_default(void **state)
{
	struct loaded loaded;

	(void)state;
	write_text("queue-max = 7\n");
	loaded = load(ARGS(T("--config"), file), NONE);
	assert_int_equal(loaded.status, STATUS_OK);
	assert_int_equal(loaded.conf.queue_max, 7);
	conf_done(&loaded.conf);
}

static void
test_environment_wins_over_file(void **state)
{
	struct loaded loaded;

	(void)state;
	write_text("queue-max = 7\nattempts-max = 9\n");
	loaded = load(ARGS(T("--config"), file), VARS(T("TASKQD_QUEUE_MAX=8")));
	assert_int_equal(loaded.status, STATUS_OK);
	assert_int_equal(loaded.conf.queue_max, 8);
	assert_int_equal(loaded.conf.attempts_max, 9);
	conf_done(&loaded.conf);
}

static void
test_command_line_wins_over_environment_and_file(void **state)
{
	struct loaded loaded;

	(void)state;
	write_text("queue-max = 7\n");
	loaded = load(
	    ARGS(T("--queue-max"), T("9"), T("--config"), file), VARS(T("TASKQD_QUEUE_MAX=8")));
	assert_int_equal(loaded.status, STATUS_OK);
	assert_int_equal(loaded.conf.queue_max, 9);
	conf_done(&loaded.conf);
}

static void
test_config_option_wins_over_its_variable(void **state)
{
	struct loaded loaded;

	(void)state;
	write_text("queue-max = 7\n");
	loaded = load(ARGS(T("--config"), file), VARS(T("TASKQD_CONFIG=/nonexistent/file")));
	assert_int_equal(loaded.status, STATUS_OK);
	assert_int_equal(loaded.conf.queue_max, 7);
	conf_done(&loaded.conf);
}

static void
test_config_variable_names_the_file(void **state)
{
	char variable[256];
	struct loaded loaded;

	(void)state;
	write_text("queue-max = 7\n");
	snprintf(variable, sizeof(variable), "TASKQD_CONFIG=%s", file);
	loaded = load(NO_ARGS, VARS(variable));
	assert_int_equal(loaded.status, STATUS_OK);
	assert_int_equal(loaded.conf.queue_max, 7);
	conf_done(&loaded.conf);
}

static void
test_both_forms_of_an_option_mean_the_same(void **state)
{
	struct loaded loaded =
	    load(ARGS(T("--queue-max=9"), T("--data-dir"), T("d"), T("--log-level=debug")), NONE);

	(void)state;
	assert_int_equal(loaded.status, STATUS_OK);
	assert_int_equal(loaded.conf.queue_max, 9);
	assert_string_equal(loaded.conf.data_dir, "d");
	assert_string_equal(loaded.conf.log_level, "debug");
	conf_done(&loaded.conf);
}

static void
test_an_option_given_again_counts_last(void **state)
{
	struct loaded loaded = load(ARGS(T("--queue-max=9"), T("--queue-max=10")), NONE);

	(void)state;
	assert_int_equal(loaded.status, STATUS_OK);
	assert_int_equal(loaded.conf.queue_max, 10);
	conf_done(&loaded.conf);
}

static void
test_a_value_may_hold_an_equals_sign_and_begin_with_dashes(void **state)
{
	struct loaded loaded = load(ARGS(T("--data-dir=--a=b")), NONE);

	(void)state;
	assert_int_equal(loaded.status, STATUS_OK);
	assert_string_equal(loaded.conf.data_dir, "--a=b");
	conf_done(&loaded.conf);
}

static void
test_options_of_a_list_add_up(void **state)
{
	struct loaded loaded =
	    load(ARGS(T("--fetch-allow"), T("10.0.0.0/8"), T("--fetch-allow=fd00::/8")), NONE);

	(void)state;
	assert_int_equal(loaded.status, STATUS_OK);
	assert_int_equal(loaded.conf.fetch_allow.count, 2);
	assert_string_equal(loaded.conf.fetch_allow.items[0], "10.0.0.0/8");
	assert_string_equal(loaded.conf.fetch_allow.items[1], "fd00::/8");
	conf_done(&loaded.conf);
}

static void
test_a_later_source_replaces_a_whole_list(void **state)
{
	struct loaded loaded;

	(void)state;
	write_text("fetch-allow = 10.0.0.0/8\nfetch-allow = 10.1.0.0/16\nfetch-deny = ::1/128\n"
		   "host-name = a\nhost-name = b\n");
	loaded = load(ARGS(T("--config"), file, T("--host-name=c")),
	    VARS(T("TASKQD_FETCH_ALLOW=192.0.2.0/24,198.51.100.0/24,203.0.113.0/24")));
	assert_int_equal(loaded.status, STATUS_OK);
	assert_int_equal(loaded.conf.fetch_allow.count, 3);
	assert_string_equal(loaded.conf.fetch_allow.items[0], "192.0.2.0/24");
	assert_string_equal(loaded.conf.fetch_allow.items[2], "203.0.113.0/24");
	assert_int_equal(loaded.conf.fetch_deny.count, 1);
	assert_int_equal(loaded.conf.host_names.count, 1);
	assert_string_equal(loaded.conf.host_names.items[0], "c");
	conf_done(&loaded.conf);
}

static void
test_an_empty_value_takes_a_list_away(void **state)
{
	struct loaded loaded;

	(void)state;
	write_text("fetch-allow = 10.0.0.0/8\nfetch-deny = 10.0.0.0/8\n");
	loaded =
	    load(ARGS(T("--config"), file, T("--fetch-deny=")), VARS(T("TASKQD_FETCH_ALLOW=")));
	assert_int_equal(loaded.status, STATUS_OK);
	assert_int_equal(loaded.conf.fetch_allow.count, 0);
	assert_int_equal(loaded.conf.fetch_deny.count, 0);
	conf_done(&loaded.conf);
}

static void
test_an_empty_item_is_refused(void **state)
{
	(void)state;
	assert_refused(
	    NO_ARGS, VARS(T("TASKQD_FETCH_ALLOW=a,,b")), "TASKQD_FETCH_ALLOW: ", "found item ''");
	assert_refused(
	    NO_ARGS, VARS(T("TASKQD_FETCH_ALLOW=a,")), "TASKQD_FETCH_ALLOW: ", "found item ''");
	assert_refused(ARGS(T("--fetch-allow=a"), T("--fetch-allow=")), NONE,
	    "--fetch-allow: ", "empty value");
}

static void
test_each_action_is_recognised(void **state)
{
	static const struct {
		const char *option;
		enum conf_action action;
	} rows[] = {
		{ "--help", CONF_ACTION_HELP },
		{ "--version", CONF_ACTION_VERSION },
		{ "--check-config", CONF_ACTION_CHECK },
		{ "--print-config", CONF_ACTION_PRINT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct loaded loaded = load(ARGS(T(rows[i].option)), NONE);

		assert_int_equal(loaded.status, STATUS_OK);
		assert_int_equal(loaded.action, rows[i].action);
		conf_done(&loaded.conf);
	}
}

static void
test_help_comes_although_the_configuration_is_broken(void **state)
{
	struct loaded loaded = load(ARGS(T("--queue-max=x"), T("--help"), T("stray")),
	    VARS(T("TASKQD_NONSENSE=1"), T("TASKQD_CONFIG=/nonexistent")));

	(void)state;
	assert_int_equal(loaded.status, STATUS_OK);
	assert_int_equal(loaded.action, CONF_ACTION_HELP);
	conf_done(&loaded.conf);
}

static void
test_check_and_print_together_are_refused(void **state)
{
	(void)state;
	assert_refused(
	    ARGS(T("--check-config"), T("--print-config")), NONE, "--check-config", "expected one");
}

static void
test_unknown_options_are_refused_with_a_suggestion(void **state)
{
	(void)state;
	assert_refused(
	    ARGS(T("--queue-maxx=1")), NONE, "'--queue-maxx'", "did you mean '--queue-max'?");
	assert_refused(ARGS(T("--halp")), NONE, "'--halp'", "did you mean '--help'?");
	assert_refused(ARGS(T("--nonsense-option")), NONE, "'--nonsense-option'", "--help");
}

static void
test_stray_arguments_are_refused(void **state)
{
	(void)state;
	assert_refused(ARGS(T("start")), NONE, "'start'", "stray");
	assert_refused(ARGS(T("-h")), NONE, "'-h'", "stray");
	assert_refused(ARGS(T("--")), NONE, "'--'", "stray");
	assert_refused(ARGS(T("")), NONE, "''", "stray");
	assert_refused(ARGS(T("--allow-open-listen"), T("yes"), T("no")), NONE, "'no'", "stray");
}

static void
test_an_option_without_its_value_is_refused(void **state)
{
	(void)state;
	assert_refused(ARGS(T("--queue-max")), NONE, "--queue-max: ", "expected a value");
	assert_refused(ARGS(T("--data-dir"), T("--queue-max=1")), NONE,
	    "--data-dir: ", "found '--queue-max=1'");
	assert_refused(ARGS(T("--config")), NONE, "--config: ", "expected a value");
}

static void
test_a_value_for_a_command_is_refused(void **state)
{
	(void)state;
	assert_refused(ARGS(T("--help=yes")), NONE, "--help: ", "expected none");
	assert_refused(ARGS(T("--check-config=")), NONE, "--check-config: ", "expected none");
}

static void
test_a_second_config_option_is_refused(void **state)
{
	(void)state;
	assert_refused(ARGS(T("--config=a"), T("--config=b")), NONE, "--config: ", "second time");
}

static void
test_an_empty_file_name_is_refused(void **state)
{
	(void)state;
	assert_refused(ARGS(T("--config=")), NONE, "--config: ", "empty name");
	assert_refused(NO_ARGS, VARS(T("TASKQD_CONFIG=")), "TASKQD_CONFIG: ", "empty name");
}

static void
test_unknown_variables_are_refused_with_a_suggestion(void **state)
{
	(void)state;
	assert_refused(NO_ARGS, VARS(T("TASKQD_QUEUE_MX=1")), "TASKQD_QUEUE_MX",
	    "did you mean TASKQD_QUEUE_MAX?");
	assert_refused(NO_ARGS, VARS(T("TASKQD_queue_max=1")), "TASKQD_queue_max",
	    "did you mean TASKQD_QUEUE_MAX?");
	assert_refused(NO_ARGS, VARS(T("TASKQD_=")), "TASKQD_", "unknown variable");
	assert_refused(NO_ARGS, VARS(T("TASKQD_CONFIGX=1")), "TASKQD_CONFIGX", "unknown");
	assert_refused(NO_ARGS, VARS(T("TASKQD_CONFIG")), "TASKQD_CONFIG", "unknown");
	assert_refused(NO_ARGS,
	    VARS(T("TASKQD_A_NAME_THAT_IS_LONGER_THAN_ANY_OTHER_NAME_THAT_THERE_COULD_EVER_BE=1")),
	    "TASKQD_A_NAME", "unknown variable");
}

static void
test_a_bad_value_names_its_variable(void **state)
{
	(void)state;
	assert_refused(NO_ARGS, VARS(T("TASKQD_QUEUE_MAX=")),
	    "TASKQD_QUEUE_MAX: ", "found '', expected a decimal integer, 1 to 100000000 tasks");
	assert_refused(NO_ARGS, VARS(T("TASKQD_LOG_LEVEL=loud")),
	    "TASKQD_LOG_LEVEL: ", "found 'loud', expected error, warn, info or debug");
	assert_refused(NO_ARGS, VARS(T("TASKQD_LISTEN=a"), T("TASKQD_LISTEN=b")),
	    "TASKQD_LISTEN: ", "second time");
	assert_refused(NO_ARGS, VARS(T("TASKQD_FETCH_DENY=a"), T("TASKQD_FETCH_DENY=b")),
	    "TASKQD_FETCH_DENY: ", "second time");
}

static void
test_a_bad_value_names_its_option(void **state)
{
	(void)state;
	assert_refused(ARGS(T("--queue-max"), T("0")), NONE,
	    "--queue-max: ", "found '0', expected a decimal integer, 1 to 100000000 tasks");
	assert_refused(ARGS(T("--allow-open-listen"), T("true")), NONE,
	    "--allow-open-listen: ", "found 'true', expected yes or no");
}

static void
test_a_bad_value_names_its_line(void **state)
{
	char place[160];

	(void)state;
	write_text("# first\n\nqueue-max = 0\n");
	snprintf(place, sizeof(place), "%s:3: queue-max: ", file);
	assert_refused(ARGS(T("--config"), file), NONE, place, "found '0'");
}

static void
test_a_missing_file_and_a_directory_are_io_errors(void **state)
{
	struct loaded loaded = load(ARGS(T("--config=/nonexistent/taskqd.conf")), NONE);

	(void)state;
	assert_int_equal(loaded.status, STATUS_IO);
	assert_non_null(strstr(loaded.error.text, "/nonexistent/taskqd.conf"));
	loaded = load(ARGS(T("--config"), directory), NONE);
	assert_int_equal(loaded.status, STATUS_IO);
	assert_non_null(strstr(loaded.error.text, "cannot read"));
}

static void
test_an_empty_file_is_fine(void **state)
{
	struct loaded loaded;

	(void)state;
	write_text("");
	loaded = load(ARGS(T("--config"), file), NONE);
	assert_int_equal(loaded.status, STATUS_OK);
	conf_done(&loaded.conf);
}

static void
test_a_file_is_accepted_at_its_limit_and_refused_one_byte_past(void **state)
{
	size_t limit = 1024 * 1024;
	char *text = malloc(limit + 1);
	struct loaded loaded;

	(void)state;
	assert_non_null(text);
	memset(text, '\n', limit + 1);
	write_file(text, limit);
	loaded = load(ARGS(T("--config"), file), NONE);
	assert_int_equal(loaded.status, STATUS_OK);
	conf_done(&loaded.conf);
	write_file(text, limit + 1);
	assert_refused(ARGS(T("--config"), file), NONE, file, "more than 1048576 bytes");
	free(text);
}

static void
test_an_endless_file_is_refused(void **state)
{
	struct loaded loaded = load(ARGS(T("--config=/dev/zero")), NONE);

	(void)state;
	assert_int_equal(loaded.status, STATUS_INVALID);
	assert_non_null(strstr(loaded.error.text, "more than"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_given_means_defaults),
		cmocka_unit_test(test_an_empty_argument_vector_means_defaults),
		cmocka_unit_test(test_file_wins_over_default),
		cmocka_unit_test(test_environment_wins_over_file),
		cmocka_unit_test(test_command_line_wins_over_environment_and_file),
		cmocka_unit_test(test_config_option_wins_over_its_variable),
		cmocka_unit_test(test_config_variable_names_the_file),
		cmocka_unit_test(test_both_forms_of_an_option_mean_the_same),
		cmocka_unit_test(test_an_option_given_again_counts_last),
		cmocka_unit_test(test_a_value_may_hold_an_equals_sign_and_begin_with_dashes),
		cmocka_unit_test(test_options_of_a_list_add_up),
		cmocka_unit_test(test_a_later_source_replaces_a_whole_list),
		cmocka_unit_test(test_an_empty_value_takes_a_list_away),
		cmocka_unit_test(test_an_empty_item_is_refused),
		cmocka_unit_test(test_each_action_is_recognised),
		cmocka_unit_test(test_help_comes_although_the_configuration_is_broken),
		cmocka_unit_test(test_check_and_print_together_are_refused),
		cmocka_unit_test(test_unknown_options_are_refused_with_a_suggestion),
		cmocka_unit_test(test_stray_arguments_are_refused),
		cmocka_unit_test(test_an_option_without_its_value_is_refused),
		cmocka_unit_test(test_a_value_for_a_command_is_refused),
		cmocka_unit_test(test_a_second_config_option_is_refused),
		cmocka_unit_test(test_an_empty_file_name_is_refused),
		cmocka_unit_test(test_unknown_variables_are_refused_with_a_suggestion),
		cmocka_unit_test(test_a_bad_value_names_its_variable),
		cmocka_unit_test(test_a_bad_value_names_its_option),
		cmocka_unit_test(test_a_bad_value_names_its_line),
		cmocka_unit_test(test_a_missing_file_and_a_directory_are_io_errors),
		cmocka_unit_test(test_an_empty_file_is_fine),
		cmocka_unit_test(test_a_file_is_accepted_at_its_limit_and_refused_one_byte_past),
		cmocka_unit_test(test_an_endless_file_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
