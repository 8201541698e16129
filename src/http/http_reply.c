/* SPDX-License-Identifier: MIT */
/*
 * Builds answers. Any thread, one at a time per reply. Running out of memory while an answer is
 * built shows in the buffer's status; whoever sends the reply drops the connection then.
 */
#include "http/http_reply.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/utf8.h"
#include "http/body_source.h"
#include "http/json_text.h"

#define PROBLEM_EXPECTED_BYTES 500

struct problem_text {
	unsigned status;
	const char *type;
	const char *title;
};

static const struct problem_text problems[] = {
#define PROBLEM(constant, status, type, title) { status, type, title },
#include "http/problem.def"
#undef PROBLEM
};

static void
drop_body(struct reply *reply)
{
	buf_done(&reply->body);
	reply->constant_body = NULL;
	if (reply->source != NULL)
		reply->source->free(reply->source);
	reply->source = NULL;
	if (reply->fd >= 0)
		(void)close(reply->fd);
	reply->fd = -1;
}

void
reply_init(struct reply *reply)
{
	reply->status = 0;
	reply->media_type = NULL;
	reply->field_count = 0;
	reply->constants = NULL;
	reply->may_be_kept = false;
	reply->close = false;
	reply->drop = false;
	buf_init(&reply->body, REPLY_BODY_MAX_BYTES);
	reply->constant_body = NULL;
	reply->source = NULL;
	reply->fd = -1;
	reply->offset = 0;
	reply->bytes = 0;
}

void
reply_done(struct reply *reply)
{
	drop_body(reply);
}

void
reply_field(struct reply *reply, const char *name, const char *fmt, ...)
{
	struct reply_field *field;
	va_list ap;
	int length;

	assert(reply->field_count < REPLY_FIELDS_MAX);
	field = &reply->fields[reply->field_count++];
	field->name = name;
	va_start(ap, fmt);
	length = vsnprintf(field->value, sizeof(field->value), fmt, ap);
	va_end(ap);
	assert(length >= 0 && (size_t)length < sizeof(field->value));
	(void)length;
}

struct buf *
reply_text(struct reply *reply, unsigned status, const char *media_type, size_t expected_bytes)
{
	drop_body(reply);
	buf_init(&reply->body, REPLY_BODY_MAX_BYTES);
	(void)buf_reserve(&reply->body, expected_bytes);
	reply->status = status;
	reply->media_type = media_type;
	return &reply->body;
}

struct buf *
reply_json(struct reply *reply, unsigned status, size_t expected_bytes)
{
	return reply_text(reply, status, MEDIA_TYPE_JSON, expected_bytes);
}

static void
append_text(struct buf *buf, const char *text)
{
	json_text_string(buf, text, strlen(text));
}

static void
append_faults(struct buf *buf, const struct faults *faults)
{
	size_t shown = faults->count < FAULTS_MAX ? faults->count : FAULTS_MAX;

	JSON_LITERAL(buf, ",\"errors\":[");
	for (size_t i = 0; i < shown; i++) {
		if (i > 0)
			JSON_LITERAL(buf, ",");
		JSON_LITERAL(buf, "{\"pointer\":");
		append_text(buf, faults->list[i].pointer);
		JSON_LITERAL(buf, ",\"detail\":");
		append_text(buf, faults->list[i].detail);
		JSON_LITERAL(buf, "}");
	}
	JSON_LITERAL(buf, "]");
	if (shown < faults->count) {
		JSON_LITERAL(buf, ",\"errors_total\":");
		json_text_int(buf, (int64_t)faults->count);
	}
}

void
reply_problem(
    struct reply *reply, enum problem problem, const struct faults *faults, const char *fmt, ...)
{
	const struct problem_text *text = &problems[problem];
	struct buf *buf = reply_json(reply, text->status, PROBLEM_EXPECTED_BYTES);
	char detail[512];
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(detail, sizeof(detail), fmt, ap) < 0)
		detail[0] = '\0';
	va_end(ap);
	utf8_scrub(detail);
	reply->media_type = MEDIA_TYPE_PROBLEM;
	JSON_LITERAL(buf, "{\"type\":");
	append_text(buf, text->type);
	JSON_LITERAL(buf, ",\"title\":");
	append_text(buf, text->title);
	JSON_LITERAL(buf, ",\"status\":");
	json_text_int(buf, text->status);
	JSON_LITERAL(buf, ",\"detail\":");
	append_text(buf, detail);
	if (faults != NULL && faults->count > 0)
		append_faults(buf, faults);
	JSON_LITERAL(buf, "}\n");
}

void
reply_internal(struct reply *reply, const char *what, const struct error *error)
{
	log_error(LOG_EVENT("request_failed"), LOG_STR("what", what), LOG_ERROR(error));
	reply_problem(reply, PROBLEM_INTERNAL, NULL,
	    "The service failed to answer this request. Nothing was changed.");
}
