/* SPDX-License-Identifier: MIT */
/*
 * Waiting for a task to end before it is answered: ?wait=SECONDS, or Prefer: wait=SECONDS.
 */
#ifndef TASKQ_HTTP_HTTP_WAIT_H
#define TASKQ_HTTP_HTTP_WAIT_H

#include <stdbool.h>

#include "http/http_request.h"

#define HTTP_WAIT_MAX_S 60

/**
 * http_wait - block until the task of the request has ended, as long as the request asks to wait
 * Goes on early when the client is gone or the service drains. By the connection's own thread.
 * Returns true when the task is to be read and answered as it is now; false when the reply says
 * that too many wait (503).
 */
bool http_wait(struct request *request);

/**
 * http_wait_refuse - the reply to a request that would have to wait, where as many do as may
 */
void http_wait_refuse(struct request *request);

#endif
