#!/bin/sh
# SPDX-License-Identifier: MIT
#
# test_checks.sh - prove that each check can fail
#
# shellcheck disable=SC2016  # the commands of the cases are expanded later, in the copy
#
# Every case copies a small tree that passes, spoils one thing in it, and asks that the check fails
# and names the thing. A check that lets a spoilt tree pass, or that complains about the whole one,
# fails here. Writes below a temporary directory only.
set -u

project=$(cd -- "$(dirname -- "$0")/../.." && pwd) || exit 2
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
cases=0
failed=0

# passes CHECK TREE - the tree as it is
passes()
{
	cases=$((cases + 1))
	if "$project/scripts/$1" "$2" >"$work/log" 2>&1 && [ ! -s "$work/log" ]; then
		echo "ok $cases - $1 accepts a tree without fault"
	else
		echo "not ok $cases - $1 accepts a tree without fault"
		sed 's/^/# /' "$work/log"
		failed=$((failed + 1))
	fi
}

# refuses CHECK TREE NAME PATTERN COMMANDS - a copy of the tree, spoilt by shell commands
refuses()
{
	cases=$((cases + 1))
	rm -rf "$work/spoilt"
	cp -R "$2" "$work/spoilt"
	(cd "$work/spoilt" && eval "$5") || echo "# the commands failed: $5"
	if "$project/scripts/$1" "$work/spoilt" >"$work/log" 2>&1; then
		echo "not ok $cases - $1 refuses $3: it passed"
		failed=$((failed + 1))
	elif ! grep -q -e "$4" "$work/log"; then
		echo "not ok $cases - $1 refuses $3: it says nothing like '$4'"
		sed 's/^/# /' "$work/log"
		failed=$((failed + 1))
	else
		echo "ok $cases - $1 refuses $3"
	fi
}

# A tree of two layers that keeps every rule.
good=$work/good
mkdir -p "$good/src/low" "$good/src/high" "$good/scripts" "$good/tests/unit/low"
cp "$project/.clang-format" "$project/.clang-tidy" "$good/"
cat >"$good/src/low/sum.h" <<'C'
/* SPDX-License-Identifier: MIT */
/* Adds numbers. */
#ifndef TASKQ_LOW_SUM_H
#define TASKQ_LOW_SUM_H

int sum(int a, int b);

#endif
C
cat >"$good/src/low/sum.c" <<'C'
/* SPDX-License-Identifier: MIT */
/* Adds numbers; the comment may name strcpy() and exit(1), and http://example.com/. */
#include "low/sum.h"

static const char *const words = "strcpy(a, b); // exit(1) SELECTED /* \" */";

int
sum(int a, int b)
{
	return a + b + (words[0] == '"' ? 1 : 0);
}
C
cat >"$good/src/high/high.c" <<'C'
/* SPDX-License-Identifier: MIT */
/* Uses what is below it. */
#include <jansson.h>

#include "low/sum.h"

int high(void);

int
high(void)
{
	return sum(1, 2);
}
C
cat >"$good/src/main.c" <<'C'
/* SPDX-License-Identifier: MIT */
/* May end the process. */
#include <stdlib.h>

int
main(void)
{
	exit(0);
}
C
cat >"$good/tests/unit/low/test_sum.c" <<'C'
/* SPDX-License-Identifier: MIT */
/* Tests may end their process, too. */
#include <unistd.h>

int
main(void)
{
	_exit(0);
}
C
cat >"$good/scripts/layers.txt" <<'T'
# SPDX-License-Identifier: MIT
dir low:
dir high: low
dir .: high
use <jansson.h>: high
T
printf '# SPDX-License-Identifier: MIT\n' >"$good/scripts/style-allow.txt"
printf '# SPDX-License-Identifier: MIT\n' >"$good/scripts/lint-allow.txt"
printf '#!/bin/sh\n# SPDX-License-Identifier: MIT\necho "$#"\n' >"$good/scripts/tool"
chmod +x "$good/scripts/tool"

layers()
{
	refuses check-layers "$good" "$@"
}

passes check-layers "$good"
layers "an include upwards" 'sum.c:[0-9]*: low may not include high' \
	'touch src/high/high.h; echo "#include \"high/high.h\"" >>src/low/sum.c'
layers "an include of a neighbour that is not listed" 'high may not include side' \
	'mkdir src/side; touch src/side/side.h; echo "dir side:" >>scripts/layers.txt
	echo "#include \"side/side.h\"" >>src/high/high.c'
layers "an include that skips its directory" '"sum.h", which is no path below src' \
	'echo "#include \"sum.h\"" >>src/low/sum.c'
layers "an include that only the preprocessor knows" 'only the preprocessor knows' \
	'echo "#include HEADER" >>src/low/sum.c'
layers "a library where it may not be used" 'includes <jansson.h>, which only high may' \
	'echo "# include <jansson.h>" >>src/low/sum.c'
mkdir "$work/project"
cp -R "$project/src" "$project/scripts" "$work/project/"
for library in microhttpd.h openssl/bn.h curl/curl.h sqlite3.h jansson.h; do
	refuses check-layers "$work/project" "<$library> in base, in this project" \
		"includes <$library>, which only" \
		"printf '#include <$library>\n' >>src/base/num.c"
done
refuses check-layers "$work/project" "base that includes http, in this project" \
	'base may not include http' \
	'echo "#include \"http/http_server.h\"" >>src/base/num.c'
refuses check-layers "$work/project" "http that includes the store, in this project" \
	'http may not include store' \
	'echo "#include \"store/store.h\"" >>src/http/http_host.c'
layers "a directory without a rule" 'no line for the directory new' \
	'mkdir src/new; cp src/low/sum.c src/new/new.c'
layers "a rule without its directory" 'no C files in the directory gone' \
	'echo "dir gone: low" >>scripts/layers.txt'
layers "a rule that is none" 'layers.txt:6: not a rule' 'echo "allow all" >>scripts/layers.txt'
for text in 'SELECT id FROM task' 'insert into task values (1)' 'UPDATE task SET a = 1' \
	'delete from task' 'CREATE TABLE t (a)' 'PRAGMA user_version' 'pragma user_version' 'COMMIT'; do
	layers "SQL text: $text" 'SQL text outside of sql/' \
		"echo 'const char *const sql = \"$text\";' >>src/low/sum.c"
done
layers "an exception for SQL text without a reason" 'not a rule, or one without its reason' \
	'echo "const char *const sql = \"PRAGMA a\";" >>src/low/sum.c
	echo "sql src/low/sum.c PRAGMA:" >>scripts/layers.txt'
layers "an exception for SQL text that nothing needs" 'not needed any more' \
	'echo "sql src/low/sum.c PRAGMA: because it was needed in another time" >>scripts/layers.txt'
layers "a tree without C files" 'no C files found' 'rm -r src'

style()
{
	refuses check-style "$good" "$@"
}

# lines COUNT - that many harmless lines
# shellcheck disable=SC2317  # called by the commands of the cases
lines()
{
	awk -v count="$1" 'BEGIN { for (i = 0; i < count; i++) print "int value_" i ";" }'
}

# body LINES NAME - a function of exactly that many lines from brace to brace
# shellcheck disable=SC2317
body()
{
	printf '\nvoid %s(void);\n\nvoid\n%s(void)\n{\n' "$2" "$2"
	awk -v count="$(($1 - 2))" 'BEGIN { for (i = 0; i < count; i++) print "\t;" }'
	printf '}\n'
}

passes check-style "$good"
style "another layout" 'sum.c:[0-9]*: clang-format would' 'echo "int   x;" >>src/low/sum.c'
style "no licence line" 'sum.c:1: no SPDX line' 'sed -i 1d src/low/sum.c'
style "no licence line in a script" 'tool:1: no SPDX line' 'sed -i 2d scripts/tool'
style "no licence line in SQL" 'a.sql:1: no SPDX line' 'mkdir sql; echo "SELECT 1;" >sql/a.sql'
style "no comment that says what a file is" 'sum.c:2: no comment' 'sed -i 2d src/low/sum.c'
style "a basename that occurs twice" 'has the basename of' 'cp src/low/sum.c src/high/sum.c'
style "a header guard of another name" 'no header guard TASKQ_LOW_SUM_H' \
	'sed -i s/TASKQ_LOW_SUM_H/SUM_H/ src/low/sum.h'
style "a .c file of 401 lines" 'sum.c:401: has 401 lines, expected at most 400' \
	'lines $((401 - $(wc -l <src/low/sum.c))) >>src/low/sum.c'
style "a .h file of 151 lines" 'long.h:151: has 151 lines, expected at most 150' \
	'cp src/low/sum.h src/low/long.h; lines $((151 - $(wc -l <src/low/sum.h))) >>src/low/long.h'
style "a function of 71 lines" 'long_one has 71 lines, expected at most 70' \
	'body 71 long_one >>src/low/sum.c'
for name in strcpy strcat sprintf vsprintf gets strtok atoi atol scanf sscanf localtime gmtime ctime \
	rand alloca system usleep sleep signal exit; do
	style "a call of $name" "sum.c:[0-9]*: $name is refused" \
		"printf 'void f(void);\n\nvoid\nf(void)\n{\n\t$name(1);\n}\n' >>src/low/sum.c"
done
style "the address of strcpy" 'strcpy is refused' \
	'echo "char *(*const copy)(char *, const char *) = strcpy;" >>src/low/sum.c'
style "sleeping in a test" 'test_sum.c:[0-9]*: sleep is refused' \
	'printf "void f(void);\n\nvoid\nf(void)\n{\n\tsleep(1);\n}\n" >>tests/unit/low/test_sum.c'
style "a // comment" 'sum.c:[0-9]*: // comment' 'echo "int x; // an x" >>src/low/sum.c'
for mark in 'TO''DO' 'FIX''ME' 'X''XX'; do
	style "the mark $mark" 'sum.c:[0-9]*: mark of unfinished work' \
		"echo '/* $mark: more */' >>src/low/sum.c"
done
style "a script that is not executable" 'tool: has a #! line but is not' 'chmod -x scripts/tool'
style "an executable that is no script" 'layers.txt: is executable but' 'chmod +x scripts/layers.txt'
style "a script with a fault" 'SC2154\|SC2086\|SC2164' 'echo "cd /nowhere" >>scripts/tool'
style "a file of bash with a fault" 'complete.bash:.*SC2164' \
	'printf "# SPDX-License-Identifier: MIT\n# shellcheck shell=bash\ncd /nowhere\n" >scripts/complete.bash'
style "a file name with a blank" 'file names with other characters' 'cp scripts/tool "scripts/a tool"'
style "an exception without a reason" 'style-allow.txt:2: not a rule, or one without' \
	'echo "file-length src/low/sum.c:" >>scripts/style-allow.txt'
style "an exception that nothing needs" 'not needed any more: file-length src/low/sum.c' \
	'echo "file-length src/low/sum.c: because it was long in another time" >>scripts/style-allow.txt'
style "a tree without C files" 'no C files found' 'rm -r src'

# At the limits, and with exceptions that are needed, a tree passes.
cp -R "$good" "$work/limits"
(
	cd "$work/limits" || exit 1
	{
		body 70 as_long_as_may_be
		echo
	} >>src/low/sum.c
	# shellcheck disable=SC2094  # read first, then written
	lines $((400 - $(wc -l <src/low/sum.c))) >>src/low/sum.c
	body 71 too_long >>src/high/high.c
	printf '\nvoid f(void);\n\nvoid\nf(void)\n{\n\tsleep(1);\n\tx.exit(1);\n\ty->signal(1);\n}\n' >>src/high/high.c
	echo 'function-length src/high/high.c too_long: a table that reads better whole' \
		>>scripts/style-allow.txt
	echo 'call src/high/high.c sleep: a reason that is long enough' >>scripts/style-allow.txt
)
passes check-style "$work/limits"

# The manual pages are long, so this project's own are spoilt.
pages=$work/pages
mkdir -p "$pages/src/conf" "$pages/src/app" "$pages/src/cli" "$pages/docs"
cp "$project/src/conf/conf.def" "$pages/src/conf/"
cp "$project/src/main.c" "$pages/src/"
cp "$project/src/app/verb.c" "$pages/src/app/"
cp "$project"/src/cli/verb_*.c "$project/src/cli/options.def" "$project/src/cli/exit_status.h" \
	"$project/src/cli/completion.bash" "$pages/src/cli/"
cp "$project/Makefile" "$pages/"
cp "$project/docs/taskqd.8" "$project/docs/taskqd.conf.5" "$project/docs/taskq.1" "$project/docs/NEWS.md" \
	"$pages/docs/"

docs()
{
	refuses check-docs "$pages" "$@"
}

passes check-docs "$pages"
docs "a setting that the page lacks" 'new-one is missing' \
	'echo "CONF_BOOL(new_one, \"new-one\", false, \"help, with (all) \\\"this\\\"\")" >>src/conf/conf.def'
docs "a setting that is none" 'listen is no setting' \
	'sed -i "s/\"listen\"/\"listen-on\"/" src/conf/conf.def'
docs "another range" 'attempts-max: found "From 1 to 100 .*", expected "From 1 to 101 ' \
	'sed -i "s/1, 100, 3,/1, 101, 3,/" src/conf/conf.def'
docs "another default" 'attempts-max: found .*default 3.*expected .*default 4' \
	'sed -i "s/1, 100, 3,/1, 100, 4,/" src/conf/conf.def'
docs "another unit" 'wal-max-mib: found .*MiB.*expected .*GiB' \
	'sed -i "s/65536, 64, \"MiB\"/65536, 64, \"GiB\"/" src/conf/conf.def'
docs "another default of a switch" 'allow-open-listen: found .*no\..*expected .*yes\.' \
	'sed -i "s/\"allow-open-listen\", false/\"allow-open-listen\", true/" src/conf/conf.def'
docs "another word" 'log-level: found' 'sed -i "s/warn|info/warn|note|info/" src/conf/conf.def'
docs "a setting that is documented twice" 'listen is documented twice' \
	'sed -i "s/^.It Cm allow.*/.It Cm listen/" docs/taskqd.conf.5'
docs "an option that does not exist" 'no such option: --nonsense' \
	'sed -i "s/^.It Fl .-version/.It Fl \\\\-nonsense/" docs/taskqd.8'
docs "an exit status that is not documented" 'missing exit status 74' \
	'sed -i "s/^.It 74/.It seventy-four/" docs/taskqd.8'
docs "an exit status that does not exist" 'has no exit status 99' \
	'sed -i "s/^.It 74/&\nText.\n.It 99/" docs/taskqd.8'
docs "a command that is not documented" 'missing command mend' \
	'sed -i "s/{ \"restore\"/{ \"mend\"/" src/app/verb.c'
docs "a command that does not exist" 'has no command mend' \
	'sed -i "s/^.It Cm restore/.It Cm mend/" docs/taskqd.8'
docs "a version without news" "first heading is not '## 9.8.7, DATE'" \
	'sed -i "s/^VERSION *:=.*/VERSION := 9.8.7/" Makefile'
docs "a page that is not there" 'taskqd.8: missing or empty' 'rm docs/taskqd.8'
docs "an option of the client that is not documented" 'taskq.1: option is missing: chunk' \
	'sed -i "s/^.It Fl .-chunk/.It Fl \\\\-lump/" docs/taskq.1'
docs "an option of the client that does not exist" 'taskq.1: no such option: lump' \
	'sed -i "s/^.It Fl .-chunk/.It Fl \\\\-lump/" docs/taskq.1'
docs "another letter of an option" 'taskq.1: no such option: x,limit' \
	'sed -i "s/^.It Fl n , Fl .-limit/.It Fl x , Fl \\\\-limit/" docs/taskq.1'
docs "an option that this check cannot read" 'there are options that this check cannot read' \
	'echo "OPTION(a,FLAG)" >>src/cli/options.def'
docs "an option that is not completed" 'completion.bash: option is missing: chunk' \
	'sed -i "/batch) echo/s/ --chunk//" src/cli/completion.bash'
docs "an option that is completed and does not exist" 'completion.bash: no such option: lump' \
	'sed -i "s/--keep-going/& --lump/" src/cli/completion.bash'
docs "a verb that is not documented" 'taskq.1: verb is missing: stats' \
	'sed -i "s/^.It Cm stats/.It Cm figures/" docs/taskq.1'
docs "a verb that is not completed" 'completion.bash: verb is missing: wait' \
	'sed -i "/^_taskq_verbs/s/ wait / /" src/cli/completion.bash'
docs "an exit status of the client that is not documented" 'taskq.1: missing exit status 8' \
	'sed -i "s/^.It 8/.It eight/" docs/taskq.1'
if command -v groff >/dev/null && command -v man >/dev/null; then
	docs "a macro that does not exist" 'Nonsense' 'echo ".Nonsense" >>docs/taskqd.8'
fi

if ! command -v clang-tidy >/dev/null; then
	echo "# SKIP the cases of check-lint: clang-tidy is not installed"
else
	sed -i '/jansson/d' "$good/src/high/high.c"
	lint()
	{
		refuses check-lint "$good" "$@"
	}
	passes check-lint "$good"
	lint "a NULL that clang-tidy sees used" 'sum.c:[0-9]*:[0-9]*: .*\[clang-analyzer' \
		'printf "int f(int *p);\n\nint\nf(int *p)\n{\n\tif (!p)\n\t\treturn *p;\n\treturn 0;\n}\n" >>src/low/sum.c'
	lint "memory that gcc sees lost" 'sum.c:[0-9]*:[0-9]*: leak of .*analyzer-malloc-leak\]' \
		'printf "#include <stdlib.h>\nint f(void);\n\nint\nf(void)\n{\n\tchar *p = malloc(7);\n\treturn p != NULL;\n}\n" >>src/low/sum.c'
	lint "what does not compile" 'sum.c:1: was not compiled' 'echo "int;;x(" >>src/low/sum.c'
	lint "an exception that nothing needs" 'not needed any more' \
		'echo "src/low/sum.c f analyzer-malloc-leak: because it was needed once" >>scripts/lint-allow.txt'
	lint "an exception without a reason" 'not an entry, or one without its reason' \
		'echo "src/low/sum.c f analyzer-malloc-leak:" >>scripts/lint-allow.txt'
fi

echo "1..$cases"
[ "$failed" -eq 0 ]
