# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# The stages of scripts/test, to be sourced by it: for each its title, the packages that it takes,
# and a function that runs it. A function counts its cases by pass, fail, skip, check, run_units and
# run_pytest; it returns nothing. It writes below build/ only.

# shellcheck disable=SC2034  # used by scripts/test
STAGES=(checks api build unit e2e browser lab address thread fuzz install package configure hardening lint clean-tree)

stage_title()
{
	case $1 in
	checks) echo "style, layers, documents, scripts" ;;
	api) echo "the description of the API, read by a linter" ;;
	build) echo "gcc and clang, every warning an error" ;;
	unit) echo "unit tests and the store's conformance suite" ;;
	e2e) echo "end to end against the built daemon" ;;
	browser) echo "the dashboard in Chromium" ;;
	lab) echo "the load laboratory in seconds: load tests, soak, benchmarks" ;;
	address) echo "AddressSanitizer and UBSan: units, and end to end" ;;
	thread) echo "ThreadSanitizer: units, and end to end" ;;
	fuzz) echo "kept regressions, and a short new search" ;;
	install) echo "make install into an empty directory" ;;
	package) echo "the Debian package: made, installed, started, upgraded, purged" ;;
	configure) echo "autoconf, ./configure, and a build from them in a copy" ;;
	hardening) echo "what the linker and compiler left in the program" ;;
	lint) echo "static analysis, begun beside the other stages" ;;
	clean-tree) echo "nothing was written outside build/" ;;
	esac
}

# browser_tools - what drives the browser, where it is not there by another way than Debian's packages
browser_tools()
{
	command -v node >/dev/null || printf '\n%s' 'nodejs: drives the browser'
	command -v npm >/dev/null || printf '\n%s' 'npm: installs playwright-core and axe-core below build/'
}

# stage_packages STAGE... - what these stages take beside the build's packages
stage_packages()
{
	local name e2e='
python3: the end-to-end tests are written in it
python3-pytest: runs them
python3-pytest-xdist: several at a time
python3-pytest-timeout: ends one that hangs
python3-hypothesis: generates hostile input
python3-jsonschema: holds every answer against the description of the API
python3-httpbin: an origin to fetch from
python3-gunicorn: serves httpbin
nginx-light|nginx-core|nginx-full|nginx-extras: another origin
strace: lets a flush to disk fail
libfaketime: lets the clock jump
slowhttptest: stalling clients
sqlite3: looks into the database as people do
curl: runs the commands of the documents
systemd: its socket activation, and what its filters of system calls let through
openssl: certificates for an https origin
prometheus: its promtool judges the metrics and tries the alerts'
	printf '%s' "$BUILD_PACKAGES"
	for name in "$@"; do
		case $name in
		checks) printf '\n%s' 'clang-format: the layout of the source' \
			'shellcheck: finds faults in scripts' ;;
		# Who has npm from elsewhere keeps it.
		api) command -v npm >/dev/null || printf '\n%s' 'npm: installs the linter' ;;
		build) printf '\n%s' 'clang: the second compiler' \
			'libcmocka-dev: unit tests' \
			'libgmp-dev: an independent source of factorials' ;;
		unit) printf '\n%s' 'libcmocka-dev: unit tests' \
			'libgmp-dev: an independent source of factorials' ;;
		browser) printf '\n%s' 'chromium: shows the dashboard' && browser_tools ;;
		e2e) printf '%s' "$e2e" ;;
		lab) printf '%s\n%s\n%s\n%s' "$e2e" "$LOAD_TEST_PACKAGES" "$BENCH_PACKAGES" "$SOAK_PACKAGES" ;;
		address | thread) printf '%s\n%s\n%s' "$e2e" 'libcmocka-dev: unit tests' \
			'libgmp-dev: an independent source of factorials' ;;
		fuzz) printf '\n%s' 'clang: brings the fuzzer' \
			'libclang-rt-dev: the runtime of the fuzzer and its sanitizers' ;;
		install) printf '\n%s' 'systemd: judges the units' ;;
		package) printf '\n%s' 'dpkg-dev: finds what the package depends on' 'systemd: judges the units' ;;
		configure) printf '\n%s' 'autoconf: makes configure from configure.ac' ;;
		hardening) printf '\n%s' 'binutils: readelf' ;;
		lint) printf '\n%s' 'clang: reads the source for clang-tidy' \
			'clang-tidy: finds faults in the source' ;;
		esac
	done | awk -F: '!seen[$1]++'
}

stage_checks()
{
	local file
	for file in scripts/check-* tests/checks/*; do
		if [ "$file" != scripts/check-lint ] && [ -f "$file" ] && [ -x "$file" ]; then
			check "$file" "$file"
		fi
	done
	# The files that these two source have no #! line by which check-style would know them.
	check "shellcheck of what scripts source" shellcheck -x -a -S warning scripts/run scripts/test
}

# The linter is no package of Debian's, so npm installs it, below build/ and for once.
SPECTRAL=@stoplight/spectral-cli@6.16.3

has_spectral()
{
	[ -x "$1/node_modules/.bin/spectral" ] ||
		run timeout -k 5 300 npm install --prefix "$1" --cache "$1/cache" --no-audit --no-fund --no-save \
			--ignore-scripts --no-update-notifier --loglevel=error "$SPECTRAL"
}

# spectral DIRECTORY FILE - what it finds, hints too, is a failure
spectral()
{
	"$1/node_modules/.bin/spectral" lint --ruleset .spectral.yaml --fail-severity hint "$2"
}

stage_api()
{
	local tools=$root/build/spectral logs=$log_dir/$stage
	if ! command -v npm >/dev/null; then
		skip "the linter of the API's description" "there is no npm to install it with"
		return
	fi
	mkdir -p "$tools"
	if ! has_spectral "$tools" >"$logs/npm.log" 2>&1; then
		skip "the linter of the API's description" "npm cannot install it: $(tail -n 1 "$logs/npm.log" | cut -c 1-120)"
		return
	fi
	check "the linter finds nothing in docs/openapi.json" spectral "$tools" docs/openapi.json
	sed 's|"operationId": "getStats"|"operationId": "getHealth"|' docs/openapi.json >"$logs/spoilt.json"
	check "the linter finds a fault that is put into it" refused operation-operationId-unique spectral "$tools" "$logs/spoilt.json"
}

# From nothing, because objects that were compiled without WERROR=1 keep their warnings to themselves.
stage_build()
{
	rm -rf build/obj build/clang/obj
	check "gcc builds everything without a warning" make_at gcc all tests
	check "clang builds everything without a warning" make_at clang all tests
}

stage_unit()
{
	built gcc tests && run_units build
}

stage_e2e()
{
	local more=()
	read -ra more <<<"${TASKQ_TEST_E2E:-}"
	built gcc all preloads && run_pytest build/taskqd "${more[@]}"
}

stage_browser()
{
	local log=$log_dir/$stage/tap status name failed_before=$failed
	built gcc all || return
	run env TASKQD="$root/build/taskqd" BROWSER_MODULES="$root/build/browser" tests/browser/run >"$log" 2>&1
	status=$?
	if [ "$status" -eq 77 ]; then
		skip "the dashboard in a browser" "$(tail -n 1 "$log")"
		return
	fi
	passed=$((passed + $(grep -c '^ok [0-9]' "$log")))
	while IFS= read -r name; do
		fail "${name#not ok }"
	done < <(grep '^not ok ' "$log")
	[ "$status" -eq 0 ] && [ "$failed" -eq "$failed_before" ] && return
	tail -n 60 "$log" | quote
	[ "$failed" -gt "$failed_before" ] || fail "tests/browser ended with status $status"
}

# stage_lab - counts each part's cases from its report; a part without one is a case itself
stage_lab()
{
	local logs=$log_dir/$stage part found failed_before
	built gcc all || return
	run env TASKQD="$root/build/taskqd" BUILD=build tests/lab/run-short "$logs" >"$logs/run-short.log" 2>&1
	for part in lab load soak bench; do
		failed_before=$failed
		found=$(cat "$logs/$part.status" 2>/dev/null || echo none)
		if [ -s "$logs/$part.xml" ]; then
			count_junit "$logs/$part.xml"
		elif [ "$found" = 0 ]; then
			pass
		fi
		if [ "$found" != 0 ]; then
			tail -n 60 "$logs/$part.log" | quote
			[ "$failed" -gt "$failed_before" ] || fail "tests/$part ended with status $found"
		fi
	done
}

# sanitizer_runs NAME - whether a program built with it can run here; sets `prefix` to what must stand
# before its commands. Kernels with more random bits in addresses than gcc 12's ThreadSanitizer knows
# need the randomisation off.
sanitizer_runs()
{
	local name=$1 program=$log_dir/$stage/trial
	printf 'int main(void) { return 0; }\n' >"$program.c"
	gcc -fsanitize="$name" -fPIE -pie -o "$program" "$program.c" || return 1
	prefix=()
	local attempt
	for attempt in 1 2 3 4 5; do
		"$program" >"$program.log" 2>&1 || prefix=(setarch -R)
	done
	for attempt in 1 2 3; do
		${prefix[@]+"${prefix[@]}"} "$program" >"$program.log" 2>&1 || return 1
	done
}

# left_out_exist NAME... - fail for each that names no test file: what it meant to leave out would run
left_out_exist()
{
	local name
	for name in "$@"; do
		[ -n "$(find tests -name "test_$name" -print -quit)" ] || fail "there is no test_$name to leave out"
	done
}

# stage_sanitizer NAME UNITS SUITES - units and end-to-end tests under a sanitizer, all but those of these two lists
stage_sanitizer()
{
	local name=$1 units suites
	read -ra units <<<"$2"
	read -ra suites <<<"$3"
	left_out_exist "${units[@]/%/.c}" "${suites[@]}"
	if ! sanitizer_runs "$name"; then
		skip "everything under the $name sanitizer" \
			"its programs do not run on this system: $(head -c 120 "$log_dir/$stage/trial.log")"
		return
	fi
	export ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=1:detect_stack_use_after_return=1
	export UBSAN_OPTIONS=print_stacktrace=1
	export TSAN_OPTIONS=second_deadlock_stack=1:die_after_fork=0
	# Fewer repetitions of what looks for rare moments: each is slow, and the sanitizer sees more.
	export TASKQ_KILL_ROUNDS=5 TASKQ_LEAK_TASKS=500 TASKQ_HYPOTHESIS_EXAMPLES=40 TASKQ_WALK_STEPS=500
	if built "$name" all tests; then
		run_units "build/$name" "${units[@]/#/test_}"
		run_pytest "build/$name/taskqd" "${suites[@]/#/--ignore-glob=test_}"
	fi
	unset ASAN_OPTIONS UBSAN_OPTIONS TSAN_OPTIONS
	unset TASKQ_KILL_ROUNDS TASKQ_LEAK_TASKS TASKQ_HYPOTHESIS_EXAMPLES TASKQ_WALK_STEPS
	prefix=()
}

stage_address()
{
	stage_sanitizer address '' 'pages.py history_page.py monitoring.py'
}

# Left out is what has no two threads to look for: programs of one thread, pages, and the judging of input, which
# happens in the thread of its connection. So are three that go through every place where a store can fail: they are
# slow here, and have the threads of the others.
stage_thread()
{
	stage_sanitizer thread 'bn_product clock conf_print factorial multiplier utf8 store_faults store_memory store_power' \
		'cli*.py contract*.py history_page.py monitoring.py openapi*.py operator.py pages.py settings.py ssrf.py strict_json.py terms_input.py wire.py'
}

stage_fuzz()
{
	local source name
	built gcc fuzzers || return
	for source in tests/fuzz/fuzz_*.c; do
		if [ ! -e "$source" ]; then
			fail "there are no fuzz targets"
			return
		fi
		name=$(basename "$source" .c)
		name=${name#fuzz_}
		check "$name: kept inputs" make_at address "fuzz-replay-$name"
		check "$name: new inputs" make_at gcc "fuzz-run-$name" FUZZ_SECONDS="${TASKQ_TEST_FUZZ_S:-5}"
	done
}

installed_files_are_right()
{
	diff <(cd "$1" && find . -type f -printf '%m %P\n' | sort -k 2) - <<-FILES
		644 etc/taskqd.conf
		755 usr/bin/taskq
		755 usr/bin/taskqd
		644 usr/lib/systemd/system/taskqd.service
		644 usr/lib/systemd/system/taskqd.socket
		644 usr/lib/sysusers.d/taskq.conf
		644 usr/share/bash-completion/completions/taskq
		644 usr/share/doc/taskq/monitoring.md
		644 usr/share/doc/taskq/monitoring/alerts.yml
		644 usr/share/doc/taskq/monitoring/alerts_test.yml
		644 usr/share/doc/taskq/monitoring/grafana-dashboard.json
		644 usr/share/man/man1/taskq.1
		644 usr/share/man/man5/taskqd.conf.5
		644 usr/share/man/man8/taskqd.8
	FILES
}

# tells_its_version PROGRAM - it says its own name and a version
tells_its_version()
{
	local line
	line=$("$1" --version) && echo "$line" &&
		grep -Eqx "$(basename "$1") [0-9]+\.[0-9]+\.[0-9]+" <<<"$line"
}

# Offline, in tenths; 10 is as exposed as can be.
is_confined()
{
	systemd-analyze security --no-pager --offline=true --threshold=15 "$1"
}

keeps_settings()
{
	echo mine >"$1/etc/taskqd.conf"
	make_at gcc install DESTDIR="$1" PREFIX=/usr && grep -qx mine "$1/etc/taskqd.conf"
}

stage_install()
{
	local destination=$root/build/install-check
	rm -rf "$destination"
	check "make install DESTDIR= PREFIX=/usr" make_at gcc install DESTDIR="$destination" PREFIX=/usr ||
		return
	check "these files and no others, with their modes" installed_files_are_right "$destination"
	check "the installed program tells its version" tells_its_version "$destination/usr/bin/taskqd"
	check "the installed client tells its version" tells_its_version "$destination/usr/bin/taskq"
	check "the service is exposed by no more than 1.5" is_confined "$destination/usr/lib/systemd/system/taskqd.service"
	check "installed again it leaves the settings as they are" keeps_settings "$destination"
	rm -rf "$destination"
}

# made_again PACKAGE - whether the same sources give the same bytes
made_again()
{
	local before
	before=$(sha256sum "$1") && sleep 1 && make_at gcc deb && [ "$before" = "$(sha256sum "$1")" ]
}

stage_package()
{
	local package log=$log_dir/$stage/lives.log status
	built gcc all || return
	check "make deb" make_at gcc deb || return
	package=$(echo build/taskq_*.deb)
	check "made again it is the same, byte by byte" made_again "$package"
	if command -v lintian >/dev/null; then
		check "lintian" lintian --allow-root --fail-on error,warning "$package"
	else
		skip "lintian" "it is not installed"
	fi
	run tests/packaging/package-lives "$package" >"$log" 2>&1
	status=$?
	if [ "$status" -eq 77 ]; then
		skip "the life of the package" "$(tail -n 1 "$log")"
	else
		check "the life of the package" sh -c 'cat "$1"; exit "$2"' sh "$log" "$status"
	fi
}

build_and_install_as_configured()
{
	make -s -j "$jobs" OPTIMISATION=-O0 && make -s OPTIMISATION=-O0 DESTDIR=dest install &&
		tells_its_version dest/x/bin/taskqd && tells_its_version dest/x/bin/taskq &&
		test -s dest/y/taskqd.conf && grep 'ExecStart=.*/y/taskqd.conf' dest/x/lib/systemd/system/taskqd.service
}

# refused PATTERN COMMAND... - whether a command fails and says why
refused()
{
	local pattern=$1 text
	shift
	if text=$("$@" 2>&1); then
		echo "succeeded: $text"
		return 1
	fi
	echo "$text"
	grep -q -- "$pattern" <<<"$text"
}

# In a copy, because configure leaves config.mk and others beside the Makefile, and a config.mk in
# this tree would steer every other build.
stage_configure()
{
	local copy=$root/build/configure-check
	rm -rf "$copy"
	mkdir -p "$copy"
	tar -c --exclude=./build --exclude=./.git --exclude=./taskq-data --exclude=./config.mk . |
		tar -x -C "$copy"
	cd "$copy" || return
	if check "autoconf makes configure" autoconf -Wall -Werror; then
		check "configure names a library that is not there" refused libmicrohttpd-dev \
			env PKG_CONFIG_LIBDIR=/nonexistent ./configure
		check "configure names a compiler that is not there" refused 'C compiler' \
			./configure CC=/nonexistent/cc
		check "configure accepts this system" ./configure --prefix=/x --sysconfdir=/y CC=gcc
		check "the build from it installs where it was told to" build_and_install_as_configured
	fi
	cd "$root" || exit 1
	rm -rf "$copy"
}

# elf PATTERN OPTION - whether readelf OPTION of both programs has a line like PATTERN
elf()
{
	local program
	for program in build/taskqd build/taskq; do
		readelf -W "$2" "$program" | tee /dev/stderr | grep -Eq "$1" || return 1
	done
}

# no_elf PATTERN OPTION - whether neither of them has
no_elf()
{
	local program
	for program in build/taskqd build/taskq; do
		! readelf -W "$2" "$program" | tee /dev/stderr | grep -Eq "$1" || return 1
	done
}

# needs_only NAME... - whether the client needs no library but these, as "lib" and ".so" go around
needs_only()
{
	diff <(readelf -W -d build/taskq | sed -n 's/.*(NEEDED).*\[lib\(.*\)\.so.*/\1/p' | sort) \
		<(printf '%s\n' "$@" | sort)
}

stage_hardening()
{
	built gcc all || return
	check "position independent" elf 'Type: +DYN' -h
	check "relocations read-only" elf 'GNU_RELRO' -l
	check "all symbols bound at start" elf 'FLAGS_1.*NOW' -d
	check "no executable stack" elf 'GNU_STACK +0x0+ 0x0+ 0x0+ 0x0+ 0x0+ RW +' -l
	check "no segment both writable and executable" no_elf 'LOAD.* RWE' -l
	check "the client needs no library of the daemon's" needs_only c curl jansson
	check "stack protector" elf '__stack_chk_fail' --dyn-syms
	check "checked library calls" elf '__(v|f|vf|sn|vsn)?printf_chk|__mem[a-z]+_chk' --dyn-syms
}

stage_lint()
{
	check "clang-tidy and gcc -fanalyzer" lint_ended
}

# tree_state - name, mode and content of every file but build's, git's and the service's own data
tree_state()
{
	find . \( -path ./build -o -path ./.git -o -path ./taskq-data \) -prune -o \
		\( -type f -o -type l \) -printf '%p %m\n' | sort
	find . \( -path ./build -o -path ./.git -o -path ./taskq-data \) -prune -o \
		-type f -print0 | sort -z | xargs -0 sha256sum
}

stage_clean_tree()
{
	tree_state >"$log_dir/$stage/now"
	check "no file outside build/ was written" diff "$log_dir/tree-before" "$log_dir/$stage/now"
}
