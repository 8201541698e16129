/* SPDX-License-Identifier: MIT */
/* The address to serve on; see listen_address.h. */
#include "app/listen_address.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"

enum status
listen_address_parse(const char *text, struct sockaddr_storage *ret_address, socklen_t *ret_size,
    struct error *error)
{
	const char *colon = strrchr(text, ':');
	uint64_t port;
	if (colon == NULL || num_parse_u64(colon + 1, strlen(colon + 1), &port) != STATUS_OK ||
	    port > 65535)
		return error_set(error, STATUS_INVALID,
		    "listen is '%s', expected ADDRESS:PORT with a port from 0 to 65535", text);
	bool v6 = text[0] == '[';
	const char *host = v6 ? text + 1 : text;
	size_t host_size = (size_t)(colon - host);
	if (v6 && (host_size == 0 || host[--host_size] != ']'))
		return error_set(
		    error, STATUS_INVALID, "listen is '%s', expected [IPV6-ADDRESS]:PORT", text);
	char literal[INET6_ADDRSTRLEN];
	if (host_size < sizeof(literal)) {
		memcpy(literal, host, host_size);
		literal[host_size] = '\0';
		struct sockaddr_storage address = { .ss_family = AF_UNSPEC };
		struct sockaddr_in *in4 = (struct sockaddr_in *)&address;
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address;
		if (v6 && inet_pton(AF_INET6, literal, &in6->sin6_addr) == 1) {
			in6->sin6_family = AF_INET6;
			in6->sin6_port = htons((uint16_t)port);
			*ret_address = address;
			*ret_size = sizeof(*in6);
			return STATUS_OK;
		}
		if (!v6 && inet_pton(AF_INET, literal, &in4->sin_addr) == 1) {
			in4->sin_family = AF_INET;
			in4->sin_port = htons((uint16_t)port);
			*ret_address = address;
			*ret_size = sizeof(*in4);
			return STATUS_OK;
		}
	}
	return error_set(error, STATUS_INVALID,
	    "listen is '%s', expected an IPv4 address or an IPv6 address in brackets before the "
	    "port",
	    text);
}

bool
listen_address_is_loopback(const struct sockaddr_storage *address)
{
	if (address->ss_family == AF_INET) {
		const struct sockaddr_in *in4 = (const struct sockaddr_in *)address;
		return ntohl(in4->sin_addr.s_addr) >> 24 == 127;
	}
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
	return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
}

uint16_t
listen_address_port(const struct sockaddr_storage *address)
{
	if (address->ss_family == AF_INET)
		return ntohs(((const struct sockaddr_in *)address)->sin_port);
	return ntohs(((const struct sockaddr_in6 *)address)->sin6_port);
}

bool
listen_address_covers(const struct sockaddr_storage *asked, const struct sockaddr_storage *bound)
{
	uint16_t port = listen_address_port(asked);

	if (asked->ss_family != bound->ss_family ||
	    (port != 0 && port != listen_address_port(bound)))
		return false;
	if (asked->ss_family == AF_INET)
		return ((const struct sockaddr_in *)asked)->sin_addr.s_addr ==
		       ((const struct sockaddr_in *)bound)->sin_addr.s_addr;
	return IN6_ARE_ADDR_EQUAL(&((const struct sockaddr_in6 *)asked)->sin6_addr,
	    &((const struct sockaddr_in6 *)bound)->sin6_addr);
}

void
listen_address_make_reachable(struct sockaddr_storage *address)
{
	struct sockaddr_in *in4 = (struct sockaddr_in *)address;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)address;

	if (address->ss_family == AF_INET && in4->sin_addr.s_addr == htonl(INADDR_ANY))
		in4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else if (address->ss_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr))
		in6->sin6_addr = in6addr_loopback;
}

void
listen_address_print(
    const struct sockaddr_storage *address, uint16_t port, char ret_text[LISTEN_ADDRESS_TEXT_SIZE])
{
	char literal[INET6_ADDRSTRLEN] = "?";
	if (address->ss_family == AF_INET) {
		const struct sockaddr_in *in4 = (const struct sockaddr_in *)address;
		inet_ntop(AF_INET, &in4->sin_addr, literal, sizeof(literal));
		snprintf(ret_text, LISTEN_ADDRESS_TEXT_SIZE, "%s:%" PRIu16, literal, port);
		return;
	}
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
	inet_ntop(AF_INET6, &in6->sin6_addr, literal, sizeof(literal));
	snprintf(ret_text, LISTEN_ADDRESS_TEXT_SIZE, "[%s]:%" PRIu16, literal, port);
}
