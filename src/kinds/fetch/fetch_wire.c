/* SPDX-License-Identifier: MIT */
/* Two questions to the kernel; see fetch_wire.h. Must not change anything about the connection. */
#include "kinds/fetch/fetch_wire.h"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

void
fetch_wire_init(struct fetch_wire *wire)
{
	*wire = (struct fetch_wire){ .fd = -1 };
}

void
fetch_wire_told(struct fetch_wire *wire, int fd, bool is_gone)
{
	if (is_gone && wire->fd == fd)
		fetch_wire_init(wire);
	else if (!is_gone && wire->fd != fd)
		*wire = (struct fetch_wire){ .fd = fd };
}

void
fetch_wire_next(struct fetch_wire *wire)
{
	wire->is_known = false;
}

bool
fetch_wire_taken(int fd, uint64_t *ret_bytes)
{
	struct tcp_info info = { 0 };
	socklen_t size = sizeof(info);
	uint64_t received;
	int unread = 0;

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 ||
	    ioctl(fd, SIOCINQ, &unread) != 0)
		return false;
	/* Nobody else reads, and what came between the questions is unread. */
	received = info.tcpi_bytes_received;
	*ret_bytes = received > (uint64_t)unread ? received - (uint64_t)unread : 0;
	return true;
}

bool
fetch_wire_is_wasted(struct fetch_wire *wire, uint64_t content_bytes)
{
	uint64_t taken;

	if (wire->fd < 0 || !fetch_wire_taken(wire->fd, &taken))
		return false;
	/* A connection that is used again has a past. */
	if (!wire->is_known)
		wire->before = taken;
	wire->is_known = true;
	taken -= wire->before <= taken ? wire->before : taken;
	return taken > FETCH_WIRE_BESIDE_BYTES &&
	       (taken - FETCH_WIRE_BESIDE_BYTES) / FETCH_WIRE_PER_BYTE > content_bytes;
}
