# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What every script here needs: messages, a cache folder, long work with a
# sign of life. To be sourced. Everything is said on stderr: stdout belongs to
# what the scripts answer.

# shellcheck disable=SC2034 # used by those who source this
REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
CACHE=${DOCSTORE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/docstore}
# Status of a script that cannot do its work here, as kselftests have it.
EXIT_SKIP=4

# Programs for root (insmod, depmod) are not on everybody's PATH.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

say() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

die() {
	say "$*"
	exit "${EXIT_FAILURE:-1}"
}

skip() {
	say "$*"
	exit "$EXIT_SKIP"
}

have() {
	command -v "$1" >/dev/null 2>&1
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif have sudo; then
		sudo "$@"
	else
		die "this needs root, and there is no sudo: $*"
	fi
}

# A dot every two seconds, until killed or alone. It waits by reading from a pipe
# that nobody writes to: a sleep would outlive us.
tick() {
	while kill -0 $$ 2>/dev/null && ! read -rt 2; do
		printf '.'
	done <> <(:)
}

# ticking COMMAND...: run it with dots on stderr, and its output to descriptor 8.
ticking() {
	local ticker status=0
	tick >&2 &
	ticker=$!
	"$@" >&8 2>&1 8>&- </dev/null || status=$?
	kill "$ticker" 2>/dev/null || true
	wait "$ticker" 2>/dev/null || true
	return "$status"
}

# busy WHAT COMMAND...: run a command that takes long and talks much. One line
# says what, dots that it lives; its output is shown only when it fails. (Where
# the shell looks at a status, set -e is off, all the way down: functions for
# here and for the left of "||" chain their steps.)
busy() {
	local what=$1 log status=0 start=$SECONDS
	shift
	mkdir -p "$CACHE"
	# Without a name from the start: nothing to clean up.
	log=$(mktemp "$CACHE/log.XXXXXX")
	exec 8<>"$log"
	rm -f "$log"
	printf '%s: %s ' "${0##*/}" "$what" >&2
	ticking "$@" || status=$?
	if [ "$status" = 0 ]; then
		printf ' %d s\n' $((SECONDS - start)) >&2
	else
		printf ' failed (status %d):\n' "$status" >&2
		tail -n 60 /dev/fd/8 >&2
	fi
	exec 8>&-
	return "$status"
}

# with_lock NAME COMMAND...: one at a time, among all that share the cache.
with_lock() {
	local lock="$CACHE/locks/$1"
	shift
	mkdir -p "$CACHE/locks"
	(
		flock 9
		"$@" 9>&-
	) 9>"$lock"
}
