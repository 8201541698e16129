/* SPDX-License-Identifier: MIT */
/* Accept-Encoding. Pure, any thread. */
#include "http/http_coding.h"

#include "http/http_field.h"

/* Reads "coding" or "coding;q=0.5". Returns false when it is not well formed. */
static bool
element_parse(struct span element, struct span *ret_coding, unsigned *ret_quality)
{
	unsigned quality = FIELD_QUALITY_MAX;
	struct span coding, weight;

	if (!field_next(&element, ';', &coding) || !field_is_token(coding.data, coding.size))
		return false;
	while (field_next(&element, ';', &weight)) {
		if (weight.size < 2 || (weight.data[0] != 'q' && weight.data[0] != 'Q') ||
		    weight.data[1] != '=' ||
		    !field_quality((struct span){ weight.data + 2, weight.size - 2 }, &quality))
			return false;
	}
	*ret_coding = coding;
	*ret_quality = quality;
	return true;
}

bool
coding_takes_gzip(const char *const *values, size_t count)
{
	bool is_named = false;
	bool takes_gzip = false;
	bool takes_any = false;

	for (size_t i = 0; i < count; i++) {
		struct span rest = field_text(values[i]);
		struct span element, coding;
		unsigned quality;

		while (field_next(&rest, ',', &element)) {
			if (!element_parse(element, &coding, &quality))
				continue;
			if (field_span_is(coding, "gzip") || field_span_is(coding, "x-gzip")) {
				is_named = true;
				takes_gzip = quality > 0;
			} else if (field_span_is(coding, "*")) {
				takes_any = quality > 0;
			}
		}
	}
	return is_named ? takes_gzip : takes_any;
}
