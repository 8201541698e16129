/* SPDX-License-Identifier: MIT */
/*
 * The dashboard's files, which are part of the program: src/web/ and Chart.js, each as it is and
 * compressed with gzip. Constant memory, any thread.
 */
#ifndef TASKQ_HTTP_WEB_ASSETS_H
#define TASKQ_HTTP_WEB_ASSETS_H

#include <stddef.h>

#define WEB_ASSET_PAGE "index.html"

struct web_bytes {
	const char *data;
	size_t size;
};

struct web_asset {
	const char *name; /* "app.js" */
	const char *media_type;
	const char *digest; /* of the file: changes when it does */
	struct web_bytes plain;
	struct web_bytes gzip;
};

/**
 * web_asset_find - the file of a name, or NULL
 */
const struct web_asset *web_asset_find(const char *name);

#endif
