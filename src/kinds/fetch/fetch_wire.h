/* SPDX-License-Identifier: MIT */
/*
 * What a transfer takes off its connection, told by the kernel: libcurl tells of header and content
 * alone, and what surrounds them (chunk extensions, the ignored content of redirects, TLS records)
 * has no end of its own. The engine's thread.
 */
#ifndef TASKQ_KINDS_FETCH_FETCH_WIRE_H
#define TASKQ_KINDS_FETCH_FETCH_WIRE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What may come beside the content: a header of the largest size and a chain of certificates fit
 * the constant, and a byte of content that is a chunk and a TLS record of its own takes 28.
 */
#define FETCH_WIRE_BESIDE_BYTES ((uint64_t)1 << 20)
#define FETCH_WIRE_PER_BYTE     32

/* The connection of a transfer, as far as it is known. */
struct fetch_wire {
	int fd; /* -1: none */
	bool is_known;
	uint64_t before; /* bytes taken off it when the hop was first looked at */
};

/**
 * fetch_wire_init - no connection
 * fetch_wire_told - the transfer works with this descriptor, or does so no more
 * fetch_wire_next - another hop begins, be it over the same connection
 */
void fetch_wire_init(struct fetch_wire *wire);
void fetch_wire_told(struct fetch_wire *wire, int fd, bool is_gone);
void fetch_wire_next(struct fetch_wire *wire);

/**
 * fetch_wire_taken - bytes that have been read from a connection since it was made
 * What the kernel still holds is not among them. Returns false for what is no connection.
 */
bool fetch_wire_taken(int fd, uint64_t *ret_bytes);

/**
 * fetch_wire_is_wasted - whether far more bytes were taken in this hop than its content has
 * To be asked again and again: the first time tells where the hop began.
 */
bool fetch_wire_is_wasted(struct fetch_wire *wire, uint64_t content_bytes);

#endif
