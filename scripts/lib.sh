# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Shared by scripts/run and scripts/test: messages, and the installation of Debian packages. To be
# sourced by bash. Everything it says goes to standard error, so that the caller's standard output
# stays its own. It touches the network only when a package is missing.

say()
{
	printf '%s\n' "$*" >&2
}

die()
{
	say "error: $*"
	exit 1
}

# What a build needs. One package a line: "name|alternative ...: why".
# shellcheck disable=SC2034  # used by the scripts that source this file
BUILD_PACKAGES='gcc: the C compiler
libc6-dev: headers of the C library
make: runs the Makefile
pkg-config|pkgconf: finds the libraries
libmicrohttpd-dev: serves HTTP
libjansson-dev: reads and writes JSON
libcurl4-openssl-dev: fetches URLs
libssl-dev: big-number arithmetic and hashes
libsqlite3-dev: the database
libjs-chart.js: draws the charts of the dashboard'

# What the three programs of the load laboratory take beside it; scripts/test runs them all.
# shellcheck disable=SC2034
LOAD_TEST_PACKAGES='python3: runs the users and writes the report
python3-locust: the users
python3-matplotlib: draws the plots
nginx-light|nginx-core|nginx-full|nginx-extras: an origin to fetch from'
# shellcheck disable=SC2034
BENCH_PACKAGES='python3: drives the benchmarks
nginx-light|nginx-core|nginx-full|nginx-extras: serves what is fetched
wrk: another load generator, to judge ours by
libgmp-dev: factorials to compare with'
# shellcheck disable=SC2034
SOAK_PACKAGES='python3: the soak is written in it
python3-numpy: holds the ledger
python3-matplotlib: draws the report
nginx-light|nginx-core|nginx-full|nginx-extras: an origin to fetch from
e2fsprogs: a file system of its own, to be filled
mount: mounts it'

is_debian()
{
	command -v apt-get >/dev/null && command -v dpkg-query >/dev/null
}

# packages_missing LIST - print the lines of LIST none of whose alternatives is installed
packages_missing()
{
	local list=$1 line names name found installed
	installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null |
		sed -n 's/^installed //p')
	while IFS= read -r line; do
		names=${line%%:*}
		found=
		for name in ${names//|/ }; do
			case $'\n'$installed$'\n' in
			*$'\n'"$name"$'\n'*) found=1 ;;
			esac
		done
		[ -n "$found" ] || printf '%s\n' "$line"
	done <<<"$list"
}

# as_root COMMAND... - run as root, by sudo where this is another user
as_root()
{
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif [ -t 0 ] || [ -t 2 ]; then
		sudo "$@"
	else
		sudo -n "$@"
	fi
}

# The part that runs as root, in one go, so that sudo asks once. A package that brings a daemon
# starts it while it is installed, and at every boot from then on; tests want the program alone. So
# a policy that forbids starting stands in for the time of the installation (unless the machine has
# one of its own), and what it is us who brought is disabled.
# shellcheck disable=SC2016  # expanded by the inner shell
APT_SCRIPT='
set -u
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
guard=/usr/sbin/policy-rc.d
ours=
trap "[ -z \"\$ours\" ] || rm -f \"\$guard\"" EXIT
trap "exit 130" INT
trap "exit 143" TERM
services=
case " $* " in *" nginx"*) services="nginx" ;; esac
case " $* " in *" prometheus"*) services="$services prometheus" ;; esac
if [ -n "$services" ] && [ ! -e "$guard" ]; then
	ours=1
	printf "#!/bin/sh\nexit 101\n" >"$guard" && chmod 755 "$guard" || exit 1
fi
install() {
	apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=300 \
		-o Dpkg::Use-Pty=0 install "$@"
}
if ! install "$@"; then
	echo "== the first attempt failed; apt-get update, then once more"
	apt-get -q -o DPkg::Lock::Timeout=300 update || exit 1
	install "$@" || exit 1
fi
for service in $services; do
	[ ! -e "/etc/init.d/$service" ] || update-rc.d "$service" disable || true
done
'

# install_packages PURPOSE LIST - see to it that everything in LIST is there
#
# Does nothing, and touches no network, when nothing is missing. On a system without apt it says
# what to install and returns: the caller then finds out whether the tools are there.
install_packages()
{
	local purpose=$1 list=$2 missing line name names log

	if ! is_debian; then
		return 0
	fi
	missing=$(packages_missing "$list")
	[ -n "$missing" ] || return 0

	names=()
	say "To $purpose, these Debian packages are missing and will be installed:"
	while IFS= read -r line; do
		name=${line%%:*}
		name=${name%%|*}
		names+=("$name")
		say "$(printf '  %-24s %s' "$name" "${line#*: }")"
	done <<<"$missing"

	if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
		die "not root, and there is no sudo. As root, run:
  apt-get update && apt-get install --no-install-recommends ${names[*]}"
	fi

	log=$(mktemp) || die "cannot make a temporary file"
	say "Installing ${#names[@]} packages and what they depend on; this can take some minutes ..."
	if ! as_root sh -c "$APT_SCRIPT" sh "${names[@]}" >"$log" 2>&1; then
		tail -n 25 "$log" >&2
		say ""
		say "The whole output is in $log"
		die "the packages could not be installed. Mend what apt says above, or run as root:
  apt-get update && apt-get install --no-install-recommends ${names[*]}"
	fi
	rm -f "$log"
	missing=$(packages_missing "$list")
	[ -z "$missing" ] || die "still missing after the installation: ${missing//$'\n'/; }"
	say "Installed."
}

# check_build_tools - on a system without apt, say what to install unless the build finds it
check_build_tools()
{
	local lacking=() module name
	is_debian && return 0
	for name in "${CC:-cc}" make pkg-config awk gzip sha256sum; do
		command -v "$name" >/dev/null || lacking+=("$name")
	done
	if command -v pkg-config >/dev/null; then
		for module in libmicrohttpd jansson libcurl libcrypto sqlite3; do
			pkg-config --exists "$module" || lacking+=("$module (development files)")
		done
	fi
	[ -s "${CHART_JS:-/usr/share/javascript/chart.js/chart.min.js}" ] || lacking+=("chart.min.js of Chart.js 3")
	[ ${#lacking[@]} -gt 0 ] || return 0
	say "This system has no apt, so nothing is installed automatically. Not found:"
	printf '  %s\n' "${lacking[@]}" >&2
	say "On Debian 12 the build takes these packages; install what your system calls them:"
	printf '%s\n' "$BUILD_PACKAGES" | sed 's/^/  /' >&2
	exit 1
}
