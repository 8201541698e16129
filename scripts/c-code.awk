# SPDX-License-Identifier: MIT
#
# Takes C apart for the checks: comments, string literals and the rest, line by line. Prints
#
#	FILE<tab>LINE<tab>KIND<tab>TEXT
#
# with KIND one of code (comments taken out, literals emptied), text (the inside of a string
# literal), note (the inside of a comment), slashes (a // comment), and end (behind the last line
# of a file; LINE is its number of lines). Lines without code have no code record. It does not
# expand macros and takes no trigraphs; a literal ends with its line.

function put(kind, text)
{
	gsub(/\t/, " ", text)
	print file "\t" line "\t" kind "\t" text
}

function finish()
{
	if (file != "")
		put("end", "")
}

# The rest of the line behind a literal that begins with `quote` at the start of `rest`.
function take_literal(quote,    i, c, size)
{
	size = length(rest)
	for (i = 2; i <= size; i++) {
		c = substr(rest, i, 1)
		if (c == "\\")
			i++
		else if (c == quote)
			break
	}
	if (quote == "\"" && !is_include)
		put("text", substr(rest, 2, i - 2))
	code = code (is_include ? substr(rest, 1, i) : quote quote)
	rest = substr(rest, i + 1)
}

FNR == 1 {
	finish()
	file = FILENAME
	in_comment = 0
}

{
	line = FNR
	rest = $0
	code = ""
	is_include = !in_comment && rest ~ /^[ \t]*#[ \t]*include/
	while (rest != "") {
		if (in_comment) {
			at = index(rest, "*/")
			put("note", at > 0 ? substr(rest, 1, at - 1) : rest)
			if (at == 0)
				break
			in_comment = 0
			code = code " "
			rest = substr(rest, at + 2)
			continue
		}
		if (!match(rest, /["'\/]/)) {
			code = code rest
			break
		}
		code = code substr(rest, 1, RSTART - 1)
		rest = substr(rest, RSTART)
		first = substr(rest, 1, 1)
		two = substr(rest, 1, 2)
		if (two == "/*") {
			in_comment = 1
			rest = substr(rest, 3)
		} else if (two == "//" && !is_include) {
			put("slashes", substr(rest, 3))
			rest = ""
		} else if (first == "/") {
			code = code first
			rest = substr(rest, 2)
		} else {
			take_literal(first)
		}
	}
	if (code ~ /[^ \t]/)
		put("code", code)
}

END { finish() }
