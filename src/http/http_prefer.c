/* SPDX-License-Identifier: MIT */
/*
 * Prefer = 1#preference, preference = token [ BWS "=" BWS word ] *( OWS ";" [ OWS parameter ] ).
 * Pure, any thread, no allocation.
 */
#include "http/http_prefer.h"

#include <limits.h>
#include <stdint.h>
#include <string.h>

#include "base/num.h"
#include "http/http_field.h"

/* Takes "name=word" apart; a word that is a quoted string loses its quotes. */
static void
split(struct span preference, struct span *ret_name, struct span *ret_word)
{
	const char *equals = memchr(preference.data, '=', preference.size);
	struct span word = { "", 0 };
	struct span name = preference;

	if (equals != NULL) {
		name.size = (size_t)(equals - preference.data);
		word.data = equals + 1;
		word.size = preference.size - name.size - 1;
	}
	word = field_trim(word);
	if (word.size >= 2 && word.data[0] == '"' && word.data[word.size - 1] == '"') {
		word.data++;
		word.size -= 2;
	}
	*ret_name = field_trim(name);
	*ret_word = word;
}

static bool
read_seconds(struct span word, unsigned *ret_seconds)
{
	uint64_t seconds = 0;
	enum status status = num_parse_u64(word.data, word.size, &seconds);

	if (status == STATUS_FULL || seconds > UINT_MAX)
		seconds = UINT_MAX;
	else if (status != STATUS_OK)
		return false;
	*ret_seconds = (unsigned)seconds;
	return true;
}

bool
prefer_wait(const char *const *values, size_t count, unsigned *ret_seconds)
{
	for (size_t i = 0; i < count; i++) {
		struct span rest = field_text(values[i]);
		struct span element, preference, name, word;

		while (field_next(&rest, ',', &element)) {
			/* A parameter without its preference is none. */
			if (element.data[0] == ';' || !field_next(&element, ';', &preference))
				continue;
			split(preference, &name, &word);
			if (field_span_is(name, "wait"))
				return read_seconds(word, ret_seconds);
		}
	}
	return false;
}
