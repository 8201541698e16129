/* SPDX-License-Identifier: MIT */
/* Hands a finished reply over to libmicrohttpd. The connection's own thread. */
#ifndef TASKQ_HTTP_HTTP_SEND_H
#define TASKQ_HTTP_HTTP_SEND_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>

#include "http/http_reply.h"

/**
 * reply_send - queue a reply with the fields that every answer has
 * @request_id: for X-Request-Id
 * @close:      whether the connection ends after it
 * @is_head:    whether it answers HEAD, so that the body is not sent
 * Takes the body out of the reply. Returns false when it cannot be sent; the connection must be
 * dropped then.
 */
bool reply_send(struct reply *reply, struct MHD_Connection *mhd, const char *request_id, bool close,
    bool is_head);

#endif
