/* SPDX-License-Identifier: MIT */
/* Findings as text; see report.h. */
#include "app/report.h"

static const char *
verdict_word(enum store_verdict verdict)
{
	switch (verdict) {
	case STORE_VERDICT_OK:
		return "ok";
	case STORE_VERDICT_NOTE:
		return "note";
	case STORE_VERDICT_LOSS:
		return "LOSS";
	case STORE_VERDICT_DAMAGE:
		return "DAMAGE";
	}
	return "?";
}

void
report_print(const struct store_report *report, FILE *stream)
{
	for (size_t i = 0; i < report->count; i++) {
		const struct store_finding *finding = &report->list[i];

		fprintf(stream, "%-6s %s: %s\n", verdict_word(finding->verdict), finding->check,
		    finding->found);
		if (finding->advice[0] != '\0')
			fprintf(stream, "       to do: %s\n", finding->advice);
	}
}
