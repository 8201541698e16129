#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# tests/acceptance/debootstrap.sh [--keep] [--user] [--run-only|--install-only|--package-only]
#
# What a stranger would do: a minimal Debian 12 (debootstrap --variant=minbase, so no compiler, no
# make, no curl, no certificates), a clone of this checkout's HEAD, `scripts/run` until it answers,
# `scripts/test` until it passes. Nothing else is typed. Needs root, debootstrap, git and a mirror;
# takes twenty minutes or more, so scripts/test does not include it. With --user the stranger is
# not root, and has sudo without a password. With --package-only the stranger installs the Debian package
# of this checkout instead, which is made on the host: what it depends on has to be enough.
#
# The mirror and the settings of apt are the host's own, and so is its network, because packages come
# over it; port 18991 must be free. Everything else happens in a temporary directory with mounts and
# processes of its own, and goes away at the end, unless --keep leaves the directory.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$(readlink -f -- "$0")")/../.." && pwd)
suite=bookworm
keep=
user=
parts='run test'
for word in "$@"; do
	case $word in
	--keep) keep=1 ;;
	--user) user=stranger ;;
	--run-only) parts=run ;;
	--install-only) parts=install ;;
	--package-only) parts=package ;;
	*)
		echo "usage: $0 [--keep] [--user] [--run-only|--install-only|--package-only]" >&2
		exit 2
		;;
	esac
done

fail()
{
	echo "FAILED: $*" >&2
	exit 1
}

# Everything below runs in a mount and process namespace of its own: its end unmounts everything and
# kills whatever is left, however this script ends.
if [ "${TASKQ_ACCEPTANCE_INSIDE:-}" != 1 ]; then
	[ "$(id -u)" -eq 0 ] || fail "debootstrap and chroot need root"
	for tool in debootstrap git unshare; do
		command -v "$tool" >/dev/null || fail "$tool is not there"
	done
	work=$(mktemp -d)
	trap '[ -n "$keep" ] && echo "kept: $work" || rm -rf --one-file-system "$work"' EXIT
	trap 'exit 130' INT TERM
	TASKQ_ACCEPTANCE_INSIDE=1 TASKQ_ACCEPTANCE_WORK=$work \
		unshare --mount --pid --fork --kill-child --mount-proc -- "$0" "$@"
	exit $?
fi

work=$TASKQ_ACCEPTANCE_WORK
unset TASKQ_ACCEPTANCE_INSIDE TASKQ_ACCEPTANCE_WORK
system=$work/system

# The host's own Debian sources for this suite, one line each, and what its apt needs to reach them.
sources()
{
	apt-get indextargets --format '$(ORIGIN) $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
		awk -v suite="$suite" '$1 == "Debian" && index($3, suite) == 1 { print "deb", $2, $3, $4 }' |
		sort -u
}

apt_settings()
{
	apt-config dump | grep -E '^Acquire::(https?::Proxy|Check-Valid-Until|Check-Date|Retries|https::CAInfo)'
}

mirror=$(sources | awk -v suite="$suite" '$3 == suite { print $2; exit }')
[ -n "$mirror" ] || fail "no source for Debian's $suite in this system's apt"

echo "== a minimal system"
debootstrap --variant=minbase "$suite" "$system" "$mirror" >"$work/debootstrap.log" 2>&1 || {
	tail -n 20 "$work/debootstrap.log"
	fail "debootstrap"
}
sources >"$system/etc/apt/sources.list"
apt_settings >"$system/etc/apt/apt.conf.d/00host" || true
cp -L /etc/resolv.conf "$system/etc/resolv.conf"
mount -t proc proc "$system/proc"
mount --rbind /sys "$system/sys"
mount --rbind /dev "$system/dev"
for tool in gcc cc make curl sudo pkg-config python3; do
	[ ! -e "$system/usr/bin/$tool" ] || fail "the minimal system already has $tool"
done

git clone -q --no-hardlinks "$root" "$system/opt/taskq"
home=/root
identity=()
outside=()
if [ -n "$user" ]; then
	home=/home/$user
	chroot "$system" sh -c 'apt-get -qq update && apt-get -qq install --no-install-recommends sudo &&
		useradd -m "$1" && echo "$1 ALL=(ALL) NOPASSWD: ALL" >"/etc/sudoers.d/$1" &&
		chown -R "$1:" /opt/taskq' sh "$user" >"$work/user.log" 2>&1 </dev/null || {
		tail -n 20 "$work/user.log"
		fail "making the user"
	}
	identity=(setpriv --reuid="$user" --regid="$user" --init-groups)
fi

# inside COMMAND... - in the minimal system, as the stranger, behind the command in `outside`; by exec
# alone, so that a signal reaches it
inside()
{
	exec ${outside[@]+"${outside[@]}"} env -i HOME="$home" TERM=dumb \
		PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		chroot "$system" ${identity[@]+"${identity[@]}"} "$@"
}

# get PATH - the body of an answer, by bash alone
get()
{
	(inside bash -c 'exec 3<>/dev/tcp/127.0.0.1/18991 &&
		printf "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" "$1" >&3 && cat <&3' \
		bash "$1" 2>/dev/null)
}

accept_run()
{
	local began=$SECONDS pid answer id
	echo "== scripts/run"
	inside /opt/taskq/scripts/run >"$work/run.out" 2>"$work/run.err" </dev/null &
	pid=$!
	until answer=$(get /readyz) && [[ $answer == 'HTTP/1.1 200 '* ]]; do
		kill -0 "$pid" 2>/dev/null || {
			cat "$work/run.err"
			fail "scripts/run ended before it answered"
		}
		[ $((SECONDS - began)) -lt 900 ] || fail "no answer within 15 minutes"
		sleep 1
	done
	echo "   answers after $((SECONDS - began)) s"
	head -n 1 "$work/run.out" | grep -qx 'listening on http://127.0.0.1:18991' ||
		fail "the first line is: $(head -n 1 "$work/run.out")"
	# The lines that it prints, as printed.
	grep '^  id=\|^  curl' "$work/run.out" >"$system/tmp/try"
	[ "$(wc -l <"$system/tmp/try")" -eq 3 ] || fail "three lines to try were promised"
	(inside bash -c '
		mapfile -t lines </tmp/try
		eval "${lines[0]}" && eval "${lines[1]}" || exit 1
		for attempt in {1..200}; do
			answer=$(eval "${lines[2]}") || exit 1
			case $answer in *\"result\"*) break ;; esac
			sleep 0.1
		done
		echo "$answer"') >"$work/try.out" 2>&1 || fail "the printed lines: $(cat "$work/try.out")"
	id=$(grep -o '[0-9a-f-]\{36\}' "$work/try.out" | head -n 1)
	grep -q 30414093201713378043612608166064768844377641568960512000000000000 "$work/try.out" ||
		fail "task $id has no result: $(cat "$work/try.out")"
	echo "   the printed lines give 50! of task $id"
	kill -TERM "$pid"
	wait "$pid" || fail "scripts/run ended with status $? after SIGTERM"
	[ -e "$system/opt/taskq/taskq-data/taskq.db" ] || fail "no database in taskq-data"
	echo "   SIGTERM ends it, status 0"

	# A second time nothing is missing: no network, and the task is still there.
	(outside=(unshare --net) && inside /opt/taskq/scripts/run --version) >"$work/again.out" 2>&1 </dev/null ||
		fail "without a network: $(cat "$work/again.out")"
	echo "   a second start needs no network: $(tail -n 1 "$work/again.out")"
}

accept_test()
{
	local began=$SECONDS last
	echo "== scripts/test"
	(inside /opt/taskq/scripts/test) >"$work/test.out" 2>&1 </dev/null || {
		tail -n 150 "$work/test.out"
		fail "scripts/test after $((SECONDS - began)) s"
	}
	last=$(tail -n 1 "$work/test.out")
	sed -n '/^stage /,$p' "$work/test.out"
	grep -Eqx '[0-9]+ passed, 0 failed(, [0-9]+ skipped)?' <<<"$last" || fail "the last line is: $last"
	echo "   after $((SECONDS - began)) s, packages included"
}

accept_install()
{
	echo "== installation alone"
	(inside bash -c '. /opt/taskq/scripts/lib.sh && install_packages "build" "$BUILD_PACKAGES" &&
		install_packages "build" "$BUILD_PACKAGES" && pkg-config --modversion libmicrohttpd')
}

accept_package()
{
	echo "== the Debian package"
	make -s -C "$root" deb BUILD="$work/build" >/dev/null
	cp "$work"/build/taskq_*.deb "$system/tmp/taskq.deb"
	cp "$root/tests/packaging/package-lives" "$system/tmp/"
	(inside sh -c 'apt-get -qq update && apt-get -qq install --no-install-recommends /tmp/taskq.deb &&
		taskqd --version && apt-get -qq purge taskq && userdel taskq' </dev/null) >"$work/package.out" 2>&1 || {
		tail -n 30 "$work/package.out"
		fail "apt-get install of the package"
	}
	(inside env TASKQ_PACKAGE_STEP=inside /tmp/package-lives /tmp/taskq.deb </dev/null) || fail "its life"
}

for part in $parts; do
	"accept_$part"
done
echo "accepted"
