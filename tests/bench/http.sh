#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The service's rates beside a libmicrohttpd hello-world in the same run, on the same cores:
#
#	tests/bench/http.sh [SECONDS-PER-FIGURE] [ROUNDS]
#
# Durable POST (every task is executed and completed), status GET, full cycles (submit, poll until final,
# read the result), at 32, 256 and 1,000 keep-alive connections. Alternates the yardstick with
# each figure and prints ratios. Loopback only; ends what it started.

set -eu
cd "$(dirname "$0")/../.."
seconds=${1:-3}
rounds=${2:-3}
out=build/bench
data=$(mktemp -d)
mkdir -p "$out"
cc -std=c17 -D_GNU_SOURCE -O2 -o "$out/loadgen" tests/bench/loadgen.c
# shellcheck disable=SC2046
cc -std=c17 -D_GNU_SOURCE -O2 -o "$out/hello" tests/bench/hello.c $(pkg-config --cflags --libs libmicrohttpd)

daemon=
feeder=
finish() {
	[ -z "$daemon" ] || kill "$daemon" 2>/dev/null || true
	[ -z "$feeder" ] || kill "$feeder" 2>/dev/null || true
	[ -z "$daemon" ] || wait "$daemon" 2>/dev/null || true
	rm -rf "$data"
}
trap finish EXIT INT TERM

mkfifo "$data/stop"
"$out/hello" <"$data/stop" >"$data/hello-port" &
sleep 3600 >"$data/stop" &
feeder=$!
"${TASKQD:-build/taskqd}" --listen 127.0.0.1:0 --data-dir "$data/db" --queue-max 10000000 --log-level warn \
	>"$data/line" 2>"$data/log" &
daemon=$!
tries=0
until [ -s "$data/line" ] && [ -s "$data/hello-port" ]; do
	tries=$((tries + 1))
	[ "$tries" -lt 200 ] || { cat "$data/log"; exit 1; }
	sleep 0.05
done
hello_port=$(cat "$data/hello-port")
port=$(sed 's/.*://' "$data/line")

number() { sed "s/.*\"$1\":\\([0-9]*\\).*/\\1/"; }
rate() {
	"$out/loadgen" "$@" >"$data/figure"
	errors=$(number errors <"$data/figure")
	[ "$errors" = 0 ] || echo "errors: $(cat "$data/figure")" >&2
	number per_s <"$data/figure"
}
# Waits until nothing is queued or running, so that no figure pays for the one before.
settle() {
	tries=0
	while sqlite3 "file:$data/db/taskq.db?mode=ro" \
		"SELECT coalesce(sum(count), 0) FROM queue_stats WHERE status IN ('QUEUED', 'RUNNING')" |
		grep -qv '^0$'; do
		tries=$((tries + 1))
		[ "$tries" -lt 600 ] || { echo "the queue does not drain" >&2; exit 1; }
		sleep 0.1
	done
}

id=$(curl -fsS -H 'Content-Type: application/json' -d '{"type":"factorial","args":{"n":"20"}}' \
	"http://127.0.0.1:$port/tasks/submissions" | sed 's/.*"id":"\([^"]*\)".*/\1/')
printf '%-12s %-7s %9s %9s %7s %9s %9s\n' connections figure hello/s per_s ratio p50_us p95_us
for connections in 32 256 1000; do
	round=0
	while [ "$round" -lt "$rounds" ]; do
		round=$((round + 1))
		for figure in post status cycle; do
			settle
			hello=$(rate get "$hello_port" "$connections" "$seconds")
			case $figure in
			status) figures=$(rate get "$port" "$connections" "$seconds" "/tasks/submissions/$id") ;;
			*) figures=$(rate "$figure" "$port" "$connections" "$seconds") ;;
			esac
			printf '%-12s %-7s %9s %9s %7s %9s %9s\n' "$connections" "$figure" "$hello" "$figures" \
				"$(awk "BEGIN { printf \"%.2f\", $figures / $hello }")" \
				"$(number p50_us <"$data/figure")" "$(number p95_us <"$data/figure")"
		done
	done
done
awk '/VmRSS|Threads/ { printf "%s ", $0 } END { print "" }' "/proc/$daemon/status"
