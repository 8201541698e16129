/* SPDX-License-Identifier: MIT */
/*
 * Pages of tasks in tests; see store_list_rig.h.
 */
#include "store_list_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct store_list
list(struct store_env *env, struct store_list_query query)
{
	struct store_list found;

	if (query.tasks_max == 0)
		query.tasks_max = 100;
	if (query.looks_max == 0)
		query.looks_max = 1000;
	memset(&found, 0x55, sizeof(found));
	assert_int_equal(store_list(env->store, &query, &found, &env->error), STATUS_OK);
	return found;
}

unsigned
number_of(const char *id)
{
	return (unsigned)strtoul(strncmp(id + 9, "0000", 4) == 0 ? id : id + 24, NULL, 16);
}

const char *
page_text(struct store_list *page)
{
	static char text[4096];
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < page->count; i++)
		used += (size_t)snprintf(
		    text + used, sizeof(text) - used, "%u ", number_of(page->tasks[i].status.id));
	if (page->has_more)
		(void)snprintf(text + used, sizeof(text) - used, "+");
	store_list_done(page);
	return text;
}

void
assert_list(struct store_env *env, struct store_list_query query, const char *expected)
{
	struct store_list page = list(env, query);

	assert_string_equal(page_text(&page), expected);
}

size_t
walk(struct store_env *env, struct store_list_query query, size_t *ret_pages)
{
	char before_id[UUID_TEXT_SIZE] = "g";
	bool has_more = true;
	size_t count = 0;

	*ret_pages = 0;
	while (has_more) {
		struct store_list page = list(env, query);

		assert_true(page.count <= query.tasks_max);
		for (size_t i = 0; i < page.count; i++) {
			assert_true(strcmp(page.tasks[i].status.id, before_id) < 0);
			memcpy(before_id, page.tasks[i].status.id, UUID_TEXT_SIZE);
			count++;
		}
		has_more = page.has_more;
		if (has_more) {
			/* Not above the last task, or that would come again. */
			assert_true(strcmp(page.next_id, before_id) <= 0);
			memcpy(before_id, page.next_id, UUID_TEXT_SIZE);
			query.before_id = before_id;
		}
		(*ret_pages)++;
		store_list_done(&page);
	}
	return count;
}
