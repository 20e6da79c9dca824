# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What docstore is compared with: libraries to build with, and servers. To be
# sourced, after common.sh, packages.sh and suites.sh of tools/vm.

# shellcheck disable=SC2034 # used by those who source this

PEERS="$CACHE/bench-peers"

install_libraries() {
	need_packages 'to build the benchmark' gcc libc6-dev make liblmdb-dev \
		libhiredis-dev liburcu-dev
}

# Servers are unpacked and not installed, for that would also start them, on
# their usual ports, now and at each boot.
#
# fetch_server NAME DIR PACKAGE...
fetch_server() {
	local name=$1 dir=$2 package libraries=()
	shift 2
	[ ! -e "$dir/complete" ] || return 0
	use_suite system
	refresh_suite system || return
	for package; do
		mapfile -t -O ${#libraries[@]} libraries < \
			<(package_depends "$package" | grep ^lib)
	done
	need_packages "for $name" "${libraries[@]}" || return
	rm -rf "$dir"
	download_packages "$dir/packages" system "$@" &&
		unpack_packages "$dir" && touch "$dir/complete"
}

# server PROGRAM PACKAGE...: where it is, or where it would be.
server() {
	local program=$1 dir="$PEERS/$2"
	shift
	if have "$program"; then
		command -v "$program"
		return
	fi
	if package_known "$1"; then
		with_lock "bench-$1" fetch_server "$program" "$dir" "$@" >&2 ||
			say "$program cannot be had"
	fi
	echo "$dir/usr/bin/$program"
}

# Whichever of the two the distribution has.
find_servers() {
	if have redis-server || package_known redis-server; then
		REDIS=$(server redis-server redis-server redis-tools)
	else
		REDIS=$(server valkey-server valkey-server valkey-tools)
	fi
	MEMCACHED=$(server memcached memcached)
}
