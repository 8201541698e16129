/* SPDX-License-Identifier: MIT */
/*
 * The table of the dashboard's files. The build makes it (scripts/embed-web); the assembler takes
 * the files in. Any thread.
 */
#include "http/web_assets.h"

#include <string.h>

#include "base/compiler.h"

/* The bytes of a file as an array among the program's constants. Both arguments are texts. */
#define WEB_BYTES(name, path)                                                                      \
	__asm__(".pushsection .rodata\n.balign 16\n.globl " name "\n.hidden " name "\n.type " name \
		", @object\n" name ":\n.incbin \"" path "\"\n.size " name ", . - " name            \
		"\n.popsection\n")

#include "web_assets_table.h"

const struct web_asset *
web_asset_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(web_assets); i++)
		if (strcmp(web_assets[i].name, name) == 0)
			return &web_assets[i];
	return NULL;
}
