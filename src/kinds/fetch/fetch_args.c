/* SPDX-License-Identifier: MIT */
/* Arguments of http-fetch; see fetch_args.h. Pure, any thread, no I/O. */
#include "kinds/fetch/fetch_args.h"

#include <inttypes.h>
#include <string.h>

#include "base/compiler.h"
#include "kinds/fetch/fetch_headers.h"
#include "kinds/kind.h"

static int
append_to_buf(const char *text, size_t size, void *buf)
{
	buf_append(buf, text, size);
	return buf_status(buf) == STATUS_OK ? 0 : -1;
}

/* The URL comes first: fetch_args_prefix relies on it. Members that are NULL are left out. */
static void
write_args(const char *url, const json_t *given, struct buf *ret_args)
{
	json_t *args = json_pack("{s:s, s:O*, s:O*, s:O*}", "url", url, "headers",
	    json_object_get(given, "headers"), "max_bytes", json_object_get(given, "max_bytes"),
	    "max_redirects", json_object_get(given, "max_redirects"));

	if (args == NULL || json_dump_callback(args, append_to_buf, ret_args, JSON_COMPACT) != 0) {
		/* The buffer's own failure stands; jansson's can only be memory. */
		if (ret_args->status == STATUS_OK)
			ret_args->status = STATUS_NOMEM;
	}
	json_decref(args);
}

static void
check_bound(const json_t *args, const char *name, int64_t max, struct faults *faults)
{
	const json_t *value = json_object_get(args, name);

	if (value == NULL)
		return;
	if (!json_is_integer(value))
		faults_add(faults, "/args", name, "is %s, expected an integer",
		    kinds_json_type_name(value));
	else if (json_integer_value(value) < 0 || json_integer_value(value) > max)
		faults_add(faults, "/args", name,
		    "is %" JSON_INTEGER_FORMAT "; expected 0 to %" PRId64,
		    json_integer_value(value), max);
}

/* Everything but the URL. */
static void
check_wishes(const struct fetch_settings *settings, const json_t *args, struct faults *faults)
{
	static const char *const members[] = { "url", "headers", "max_bytes", "max_redirects" };
	json_t *headers = json_object_get(args, "headers");

	kinds_check_member_names(args, "/args", members, ARRAY_SIZE(members), faults);
	if (headers != NULL)
		fetch_headers_check(headers, faults);
	check_bound(args, "max_bytes", (int64_t)settings->body_max_bytes, faults);
	check_bound(args, "max_redirects", settings->redirects_max, faults);
}

void
fetch_args_check(const struct fetch_settings *settings, const json_t *args, struct faults *faults,
    struct buf *ret_args)
{
	struct url_parts parts = { .url = NULL };
	struct error error;

	if (!json_is_object(args)) {
		faults_add(faults, "/args", NULL, "is %s, expected an object",
		    args == NULL ? "missing" : kinds_json_type_name(args));
		return;
	}
	size_t faults_before = faults->count;
	check_wishes(settings, args, faults);

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
		write_args(parts.url, args, ret_args);
	url_parts_done(&parts);
}

void
fetch_args_prefix(const char *url_prefix, struct buf *ret_args)
{
	/* As arguments with this URL are written, byte for byte, but for their end. */
	write_args(url_prefix, NULL, ret_args);
	if (buf_status(ret_args) != STATUS_OK)
		return;
	ret_args->size -= strlen("\"}");
	ret_args->data[ret_args->size] = '\0';
}

/* How normalised arguments begin; what follows is the authority, without the scheme's own port. */
static const struct {
	const char *text;
	const char *port;
} beginnings[] = {
	{ "{\"url\":\"http://", ":80" },
	{ "{\"url\":\"https://", ":443" },
};

/* Whether an authority has a port. The colons of an IPv6 address stand in brackets. */
static bool
has_port(const char *authority, size_t size)
{
	while (size > 0 && authority[size - 1] >= '0' && authority[size - 1] <= '9')
		size--;
	return size > 0 && authority[size - 1] == ':';
}

bool
fetch_args_host(const char *args, size_t size, char ret_host[TASK_HOST_SIZE])
{
	for (size_t i = 0; i < ARRAY_SIZE(beginnings); i++) {
		size_t begin = strlen(beginnings[i].text);

		if (size < begin || memcmp(args, beginnings[i].text, begin) != 0)
			continue;
		const char *authority = args + begin;
		size_t length = strcspn(authority, "/?#\"\\");
		const char *port = has_port(authority, length) ? "" : beginnings[i].port;

		if (length == 0 || length + strlen(port) >= TASK_HOST_SIZE)
			return false;
		memcpy(ret_host, authority, length);
		memcpy(ret_host + length, port, strlen(port) + 1);
		return true;
	}
	return false;
}

static enum status
read_url(const json_t *object, struct url_parts *ret_url, struct error *error)
{
	const json_t *url = json_object_get(object, "url");
	enum status status;

	if (!json_is_string(url))
		return error_set(error, STATUS_INVALID, "no url in the stored arguments");
	status = url_policy_check(json_string_value(url), json_string_length(url), ret_url, error);
	if (status == STATUS_INVALID)
		error_prefix(error, "url");
	return status;
}

/* What was within the limits may not be so any more. */
static enum status
read_wishes(const struct fetch_settings *settings, const json_t *object, struct fetch_args *args,
    struct error *error)
{
	const json_t *value;
	struct faults faults;

	args->body_max_bytes = settings->body_max_bytes;
	args->redirects_max = settings->redirects_max;
	if (json_object_size(object) == 1)
		return STATUS_OK;
	faults_init(&faults);
	check_wishes(settings, object, &faults);
	if (faults.count > 0)
		return error_set(
		    error, STATUS_INVALID, "%s %s", faults.list[0].pointer, faults.list[0].detail);
	if ((value = json_object_get(object, "max_bytes")) != NULL)
		args->body_max_bytes = (uint64_t)json_integer_value(value);
	if ((value = json_object_get(object, "max_redirects")) != NULL)
		args->redirects_max = (long)json_integer_value(value);
	if (fetch_headers_list(json_object_get(object, "headers"), &args->headers) != STATUS_OK)
		return error_set(error, STATUS_NOMEM, "no memory for header fields");
	return STATUS_OK;
}

enum status
fetch_args_read(const struct fetch_settings *settings, const char *text, size_t size,
    struct fetch_args *ret_args, struct error *error)
{
	json_t *object = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
	struct fetch_args args = { .headers = NULL };
	enum status status = read_url(object, &args.url, error);

	if (status == STATUS_OK)
		status = read_wishes(settings, object, &args, error);
	json_decref(object);
	if (status != STATUS_OK)
		fetch_args_done(&args);
	else
		*ret_args = args;
	return status;
}

void
fetch_args_done(struct fetch_args *args)
{
	url_parts_done(&args->url);
	curl_slist_free_all(args->headers);
	args->headers = NULL;
}
