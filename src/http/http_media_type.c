/* SPDX-License-Identifier: MIT */
/* Media types and Accept. Pure, any thread. */
#include "http/http_media_type.h"

#include <string.h>
#include <strings.h>

struct media_type {
	struct span type;
	struct span subtype;
	struct span parameters; /* the rest, without its first ';' */
};

/* Takes "type/subtype;rest" apart. The bare "*" that some clients send for everything counts too.
 */
static bool
media_type_parse(struct span text, struct media_type *ret_media)
{
	struct media_type *media = ret_media;
	struct span name;
	const char *slash;

	if (!field_next(&text, ';', &name))
		return false;
	media->parameters = text;
	slash = memchr(name.data, '/', name.size);
	if (slash == NULL) {
		media->type = name;
		media->subtype = name;
		return field_span_is(name, "*");
	}
	media->type = (struct span){ name.data, (size_t)(slash - name.data) };
	media->subtype = (struct span){ slash + 1, name.size - media->type.size - 1 };
	return field_is_token(media->type.data, media->type.size) &&
	       field_is_token(media->subtype.data, media->subtype.size);
}

/* Takes "name=value" apart; quotes around the value are dropped. */
static bool
parameter_parse(struct span text, struct span *ret_name, struct span *ret_value)
{
	const char *equals = memchr(text.data, '=', text.size);
	struct span name, value;

	if (equals == NULL)
		return false;
	name = (struct span){ text.data, (size_t)(equals - text.data) };
	value = (struct span){ equals + 1, text.size - name.size - 1 };
	if (!field_is_token(name.data, name.size))
		return false;
	if (value.size >= 2 && value.data[0] == '"' && value.data[value.size - 1] == '"') {
		value.data++;
		value.size -= 2;
	}
	*ret_name = name;
	*ret_value = value;
	return true;
}

bool
media_type_is_json(const char *value)
{
	struct media_type media;
	struct span parameter, name, text;
	unsigned charsets = 0;

	if (!media_type_parse(field_text(value), &media) ||
	    !field_span_is(media.type, "application") || !field_span_is(media.subtype, "json"))
		return false;
	while (field_next(&media.parameters, ';', &parameter)) {
		if (!parameter_parse(parameter, &name, &text) || !field_span_is(name, "charset") ||
		    !field_span_is(text, "utf-8") || ++charsets > 1)
			return false;
	}
	return true;
}

bool
media_type_is_safe(const char *value)
{
	struct media_type media;

	for (const char *at = value; *at != '\0'; at++)
		if ((unsigned char)*at < 0x20 || (unsigned char)*at > 0x7e)
			return false;
	return value[0] != ' ' && media_type_parse(field_text(value), &media) &&
	       !field_span_is(media.subtype, "*");
}

#define SPECIFICITY_NAMED 3

/* How specific the range is for the wanted type: 0 when it does not match, NAMED for itself. */
static unsigned
range_specificity(const struct media_type *range, const struct media_type *wanted)
{
	if (field_span_is(range->type, "*"))
		return field_span_is(range->subtype, "*") ? 1 : 0;
	if (range->type.size != wanted->type.size ||
	    strncasecmp(range->type.data, wanted->type.data, wanted->type.size) != 0)
		return 0;
	if (field_span_is(range->subtype, "*"))
		return 2;
	if (range->subtype.size != wanted->subtype.size ||
	    strncasecmp(range->subtype.data, wanted->subtype.data, wanted->subtype.size) != 0)
		return 0;
	return SPECIFICITY_NAMED;
}

/* Reads one element of Accept. Returns false when it is not well formed. */
static bool
range_parse(struct span element, struct media_type *ret_range, unsigned *ret_quality)
{
	struct span parameters, parameter, name, value;
	unsigned quality = ACCEPT_QUALITY_MAX;

	if (!media_type_parse(element, ret_range))
		return false;
	parameters = ret_range->parameters;
	while (field_next(&parameters, ';', &parameter))
		if (parameter_parse(parameter, &name, &value) && field_span_is(name, "q") &&
		    !field_quality(value, &quality))
			return false;
	*ret_quality = quality;
	return true;
}

/* The most specific range of all Accept fields that matches. */
struct match {
	unsigned specificity; /* 0: none */
	unsigned quality;
	bool any; /* something is well formed */
};

static struct match
find_match(const char *const *values, size_t count, const char *type)
{
	struct match match = { 0, 0, false };
	struct media_type wanted, range;

	if (!media_type_parse(field_text(type), &wanted))
		return (struct match){ .any = true };
	for (size_t i = 0; i < count; i++) {
		struct span rest = field_text(values[i]);
		struct span element;

		while (field_next(&rest, ',', &element)) {
			unsigned quality;
			unsigned specificity;

			if (!range_parse(element, &range, &quality))
				continue;
			match.any = true;
			specificity = range_specificity(&range, &wanted);
			if (specificity > match.specificity) {
				match.specificity = specificity;
				match.quality = quality;
			}
		}
	}
	return match;
}

unsigned
accept_quality(const char *const *values, size_t count, const char *type)
{
	struct match match = find_match(values, count, type);

	return match.any ? match.quality : ACCEPT_QUALITY_MAX;
}

bool
accept_names(const char *const *values, size_t count, const char *type)
{
	struct match match = find_match(values, count, type);

	return match.specificity == SPECIFICITY_NAMED && match.quality > 0;
}
