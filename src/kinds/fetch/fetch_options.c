/* SPDX-License-Identifier: MIT */
/*
 * The options of a transfer and why each is there; see fetch_options.h. Figures were measured with
 * libcurl 7.88.1 as Debian 12 ships it. Must not enable cookies, netrc, HSTS or Alt-Svc: all are
 * off unless asked for, and a fetch has no past.
 */
#include "kinds/fetch/fetch_options.h"

#include "kinds/fetch/fetch_transfer.h"

/* Within functions that have `easy` and `code`: the first failure stays. */
#define SET(option, value)                                                \
	do {                                                              \
		if (code == CURLE_OK)                                     \
			code = curl_easy_setopt(easy, (option), (value)); \
	} while (0)

/* What a transfer may speak, and to whom it may be led. */
static CURLcode
set_reach(CURL *easy, const struct fetch_settings *settings, const struct fetch_args *args)
{
	CURLcode code = CURLE_OK;

	SET(CURLOPT_URL, args->url.url);
	SET(CURLOPT_HTTPGET, 1L);
	/* HTTP/1.1: a single GET gains nothing from HTTP/2, whose streams would share a connection
	   past the per-host limit. */
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_HTTP09_ALLOWED, 0L);
	/* Debian's libcurl also speaks file, gopher, ldap, smb and more. */
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_REDIR_PROTOCOLS_STR, args->url.is_https ? "https" : "http,https");
	SET(CURLOPT_FOLLOWLOCATION, 1L);
	SET(CURLOPT_MAXREDIRS, args->redirects_max);
	SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	/* Empty, not absent: the library itself reads http_proxy and ALL_PROXY, and the address
	   policy would then judge the proxy's address alone. */
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(CURLOPT_USERAGENT, settings->user_agent);
	SET(CURLOPT_HTTPHEADER, args->headers);
	/* No CURLOPT_ACCEPT_ENCODING: the result is the resource's bytes as they were sent, and a
	   200 KB answer cannot become 200 MB here. */
	SET(CURLOPT_HTTP_CONTENT_DECODING, 0L);
	return code;
}

static CURLcode
set_tls(CURL *easy)
{
	CURLcode code = CURLE_OK;

	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	/* libcurl caches the parsed CA bundle (CURLOPT_CAINFO's default) only without a CA path;
	   Debian sets one. 18.6 ms of CPU a connection without the cache, 1 ms with it. */
	SET(CURLOPT_CAPATH, (char *)NULL);
	return code;
}

/*
 * No CURLOPT_LOW_SPEED_LIMIT: it counts the time before the first byte too, so a slow answer within
 * the total time would fail; the total time bounds a dripping one as well.
 */
static CURLcode
set_limits(CURL *easy, const struct fetch_settings *settings, const struct fetch_args *args)
{
	CURLcode code = CURLE_OK;

	SET(CURLOPT_NOSIGNAL, 1L);
	/* Without it a lookup that outlives the timeout stalls every transfer of the multi handle
	   until the system's resolver gives up. */
	SET(CURLOPT_QUICK_EXIT, 1L);
	SET(CURLOPT_CONNECTTIMEOUT_MS, settings->connect_timeout_ms);
	SET(CURLOPT_TIMEOUT_MS, settings->total_timeout_ms);
	SET(CURLOPT_DNS_CACHE_TIMEOUT, (long)FETCH_DNS_CACHE_S);
	SET(CURLOPT_MAXAGE_CONN, (long)FETCH_IDLE_CONNECTION_S);
	/* Refuses early what says its size; what does not is counted (0 would mean no limit). */
	if (args->body_max_bytes > 0)
		SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)args->body_max_bytes);
	return code;
}

CURLcode
fetch_options_set(CURL *easy, const struct fetch_settings *settings, const struct fetch_args *args)
{
	CURLcode code = set_reach(easy, settings, args);

	if (code == CURLE_OK)
		code = set_tls(easy);
	if (code == CURLE_OK)
		code = set_limits(easy, settings, args);
	return code;
}

CURLcode
fetch_options_set_callbacks(CURL *easy, const struct fetch_callbacks *callbacks)
{
	CURLcode code = CURLE_OK;

	SET(CURLOPT_RESOLVER_START_FUNCTION, callbacks->resolver_start);
	SET(CURLOPT_RESOLVER_START_DATA, callbacks->transfer);
	SET(CURLOPT_OPENSOCKETFUNCTION, callbacks->open_socket);
	SET(CURLOPT_OPENSOCKETDATA, callbacks->transfer);
	SET(CURLOPT_CLOSESOCKETFUNCTION, callbacks->close_socket);
	SET(CURLOPT_CLOSESOCKETDATA, callbacks->context);
	SET(CURLOPT_PREREQFUNCTION, callbacks->request);
	SET(CURLOPT_PREREQDATA, callbacks->transfer);
	SET(CURLOPT_HEADERFUNCTION, callbacks->header);
	SET(CURLOPT_HEADERDATA, callbacks->transfer);
	SET(CURLOPT_WRITEFUNCTION, callbacks->body);
	SET(CURLOPT_WRITEDATA, callbacks->transfer);
	SET(CURLOPT_ERRORBUFFER, callbacks->error_text);
	SET(CURLOPT_PRIVATE, callbacks->transfer);
	return code;
}

CURLcode
fetch_options_refuse_downgrade(CURL *easy)
{
	return curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "https");
}

CURLM *
fetch_options_multi_new(const struct fetch_settings *settings)
{
	CURLM *multi = curl_multi_init();
	long total = (long)settings->in_flight_max + FETCH_IDLE_CONNECTIONS_MAX;

	if (multi == NULL)
		return NULL;
	/* At the total libcurl closes an idle connection to make a new one. There always is one,
	   because fewer transfers are in flight: none ever waits for it. */
	if (curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING) != CURLM_OK ||
	    curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, total) != CURLM_OK ||
	    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)FETCH_IDLE_CONNECTIONS_MAX) !=
		CURLM_OK) {
		(void)curl_multi_cleanup(multi);
		return NULL;
	}
	return multi;
}
