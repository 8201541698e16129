/* SPDX-License-Identifier: MIT */
/* taskqd check: the settings, then everything in the data directory. Reads only; main thread. */
#include "app/app.h"
#include "app/report.h"
#include "app/verb.h"
#include "store/store_upkeep.h"

enum verb_end
verb_check(const struct conf *conf, const char *operand, struct error *error)
{
	struct store_report report;

	(void)operand;
	if (app_check(conf, error) != STATUS_OK)
		return VERB_REFUSED;
	printf("ok     configuration: the service can use it; data-dir is %s\n", conf->data_dir);
	if (store_audit(conf->data_dir, &report, error) != STATUS_OK)
		return VERB_FAILED;
	report_print(&report, stdout);
	switch (report.worst) {
	case STORE_VERDICT_OK:
	case STORE_VERDICT_NOTE:
		return VERB_DONE;
	case STORE_VERDICT_LOSS:
	case STORE_VERDICT_DAMAGE:
		break;
	}
	return VERB_DAMAGED;
}
