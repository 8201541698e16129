/* SPDX-License-Identifier: MIT */
/* Arguments of http-fetch; see fetch_args.h. Pure, any thread, no I/O. */
#include "kinds/fetch/fetch_args.h"

#include <string.h>

#include "base/compiler.h"
#include "kinds/kind.h"

static int
append_to_buf(const char *text, size_t size, void *buf)
{
	buf_append(buf, text, size);
	return buf_status(buf) == STATUS_OK ? 0 : -1;
}

static void
write_args(const char *url, struct buf *ret_args)
{
	json_t *args = json_pack("{s:s}", "url", url);

	if (args == NULL || json_dump_callback(args, append_to_buf, ret_args, JSON_COMPACT) != 0) {
		/* The buffer's own failure stands; jansson's can only be memory. */
		if (ret_args->status == STATUS_OK)
			ret_args->status = STATUS_NOMEM;
	}
	json_decref(args);
}

void
fetch_args_check(const json_t *args, struct faults *faults, struct buf *ret_args)
{
	static const char *const members[] = { "url" };
	struct url_parts parts = { .url = NULL };
	struct error error;

	if (!json_is_object(args)) {
		faults_add(faults, "/args", NULL, "is %s, expected an object",
		    args == NULL ? "missing" : kinds_json_type_name(args));
		return;
	}
	size_t faults_before = faults->count;
	kinds_check_member_names(args, "/args", members, ARRAY_SIZE(members), faults);

	const json_t *url = json_object_get(args, "url");
	if (url == NULL) {
		faults_add(faults, "/args", "url", "is missing, expected a URL");
		return;
	}
	if (!json_is_string(url)) {
		faults_add(
		    faults, "/args", "url", "is %s, expected a string", kinds_json_type_name(url));
		return;
	}
	enum status status =
	    url_policy_check(json_string_value(url), json_string_length(url), &parts, &error);
	if (status == STATUS_INVALID)
		faults_add(faults, "/args", "url", "%s", error.text);
	else if (status != STATUS_OK)
		ret_args->status = status;
	else if (faults->count == faults_before)
		write_args(parts.url, ret_args);
	url_parts_done(&parts);
}

void
fetch_args_prefix(const char *url_prefix, struct buf *ret_args)
{
	/* As arguments with this URL are written, byte for byte, but for their end. */
	write_args(url_prefix, ret_args);
	if (buf_status(ret_args) != STATUS_OK)
		return;
	ret_args->size -= strlen("\"}");
	ret_args->data[ret_args->size] = '\0';
}

enum status
fetch_args_read(const char *args, size_t size, struct url_parts *ret_url, struct error *error)
{
	json_t *object = json_loadb(args, size, JSON_REJECT_DUPLICATES, NULL);
	const json_t *url = json_object_get(object, "url");
	enum status status;

	if (json_is_string(url)) {
		status = url_policy_check(
		    json_string_value(url), json_string_length(url), ret_url, error);
		if (status == STATUS_INVALID)
			error_prefix(error, "url");
	} else {
		status = error_set(error, STATUS_INVALID, "no url in the stored arguments");
	}
	json_decref(object);
	return status;
}
