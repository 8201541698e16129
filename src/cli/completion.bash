# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Completion of taskq for bash, installed as share/bash-completion/completions/taskq. It knows the
# verbs, the options of each, and asks the service for ids of tasks where they are wanted.
# scripts/check-docs holds it against src/cli/options.def.

_taskq_verbs='submit batch status wait result show list cancel retry watch stats help'

# _taskq_options VERB - the options of a verb; without one those that every verb takes
_taskq_options()
{
	local wait='--wait --for' content='--output --even-failed' key='--idempotency-key'
	local terms='--priority --run-at --delay --expires-at --ttl --timeout --attempts --backoff
		--max-backoff --header --max-bytes --max-redirects'
	echo '--url --json --quiet --patience --help --version'
	case $1 in
	submit) echo "$wait $content $terms $key" ;;
	batch) echo "$key --keep-going --chunk" ;;
	result) echo "$wait $content" ;;
	retry) echo "$wait $content $key" ;;
	wait) echo --for ;;
	list) echo '--status --type --since --until --url-prefix --limit --all' ;;
	watch) echo '--interval --count' ;;
	esac
}

# _taskq_ids VERB [--url URL] - ids of the latest tasks that the verb is for
# compgen -W expands its words, so what is no id would be run as a command: whatever stands at the
# URL is not to be trusted with that.
_taskq_ids()
{
	local status=''
	case $1 in
	cancel) status=QUEUED,RUNNING ;;
	wait) status=QUEUED,RUNNING ;;
	retry) status=FAILED,REJECTED ;;
	esac
	shift
	taskq list --limit 50 --patience 0 --quiet ${status:+--status "$status"} "$@" 2>/dev/null | cut -f 1 |
		grep -Ex '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}'
}

_taskq()
{
	local word=${COMP_WORDS[COMP_CWORD]} before='' verb='' url=() i from
	COMPREPLY=()
	[ "$COMP_CWORD" -lt 1 ] || before=${COMP_WORDS[COMP_CWORD - 1]}
	# bash takes --name=value apart at the sign.
	if [ "$word" = = ]; then
		word=''
	elif [ "$before" = = ]; then
		before=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	for ((i = 1; i < COMP_CWORD; i++)); do
		[ "${COMP_WORDS[i]}" != --url ] || url=(--url "${COMP_WORDS[i + 1]}")
		case " $_taskq_verbs " in
		*" ${COMP_WORDS[i]} "*) [ -n "$verb" ] || verb=${COMP_WORDS[i]} ;;
		esac
	done

	case $before in
	-o | --output)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return
		;;
	-s | --status)
		# Of a list with commas the last word is completed.
		from=''
		case $word in
		*,*) from=${word%,*}, ;;
		esac
		mapfile -t COMPREPLY < <(compgen -P "$from" -W 'QUEUED RUNNING SUCCEEDED FAILED REJECTED' -- "${word##*,}")
		return
		;;
	--type)
		mapfile -t COMPREPLY < <(compgen -W 'factorial fetch' -- "$word")
		return
		;;
	--url | --patience | --for | -p | --priority | --run-at | --delay | --expires-at | --ttl | -t | \
		--timeout | --attempts | --backoff | --max-backoff | -k | --idempotency-key | -H | --header | \
		--max-bytes | --max-redirects | --since | --until | --url-prefix | -n | --limit | -i | \
		--interval | -c | --count | --chunk)
		return
		;;
	esac

	case $word in
	-*) mapfile -t COMPREPLY < <(compgen -W "$(_taskq_options "$verb")" -- "$word") ;;
	*)
		case $verb in
		'') mapfile -t COMPREPLY < <(compgen -W "$_taskq_verbs" -- "$word") ;;
		help) mapfile -t COMPREPLY < <(compgen -W "$_taskq_verbs" -- "$word") ;;
		submit) mapfile -t COMPREPLY < <(compgen -W 'factorial fetch' -- "$word") ;;
		batch)
			compopt -o filenames 2>/dev/null
			mapfile -t COMPREPLY < <(compgen -f -- "$word")
			;;
		status | wait | result | show | cancel | retry)
			mapfile -t COMPREPLY < <(compgen -W "$(_taskq_ids "$verb" "${url[@]}")" -- "$word")
			;;
		esac
		;;
	esac
}

complete -F _taskq taskq
