# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# herd7, and the kernel's memory model for it. To be sourced, after common.sh,
# packages.sh and suites.sh of tools/vm.
#
# Debian has herd7 since after version 12, and here it comes out of sid: unpacked
# into the cache with the C library that it needs, and started through that, so
# that nothing changes in the system. The memory model is in the kernel's source.

# shellcheck disable=SC2034 # used by check

# find_herd: sets HERD to a command that works; fails if there is none here, with
# the reason in WHY.
find_herd() {
	local dir="$CACHE/herd7" loader libraries
	if have herd7; then
		HERD=(herd7)
		return
	fi
	WHY='this system reads no mirror of Debian, where herd7 could come from'
	[ -e "$dir/complete" ] || {
		have apt-get && [ -n "${DOCSTORE_DEBIAN_MIRROR:-$(debian_mirror Debian)}" ]
	} || return
	WHY="herd7 could not be fetched from Debian's sid"
	[ -e "$dir/complete" ] || with_lock herd7 fetch_herd "$dir" || return
	loader=$(find "$dir/lib" -name 'ld-linux*' | head -n 1)
	libraries=$(dirname "$(find "$dir/lib" -name libc.so.6 | head -n 1)")
	HERD=("$loader" --library-path "$libraries" "$dir/herd7" -set-libdir "$dir/share")
}

fetch_herd() {
	local dir=$1
	[ ! -e "$dir/complete" ] || return 0
	use_suite sid
	refresh_suite sid || return
	rm -rf "$dir"
	download_packages "$dir/packages" sid herdtools7 libc6 libgmp10 &&
		busy 'unpacking herd7' unpack_packages "$dir" &&
		keep_herd "$dir" &&
		touch "$dir/complete"
}

# Of a quarter of a gigabyte, what is needed.
keep_herd() {
	local dir=$1
	mv "$dir/usr/bin/herd7" "$dir/herd7" &&
		mv "$dir/usr/share/herdtools7/herd" "$dir/share" &&
		mv "$dir/usr/lib" "$dir/lib" &&
		rm -rf "${dir:?}/usr" "${dir:?}/etc"
}

kernel_source() {
	find /usr/src -maxdepth 1 -name 'linux-source-*.tar.*' | sort -V | tail -n 1
}

# find_memory_model: sets MEMORY_MODEL to the folder with linux-kernel.cfg, out of
# LINUX_SOURCE or the newest kernel source in /usr/src; fails with the reason in
# WHY.
find_memory_model() {
	local source=${LINUX_SOURCE:-$(kernel_source)} name
	if [ -z "$source" ] && have apt-get; then
		need_packages 'for the memory model' linux-source
		source=$(kernel_source)
	fi
	WHY='there is no kernel source in /usr/src (package linux-source)'
	[ -n "$source" ] || return
	WHY="no memory model could be unpacked from $source"
	name=$(basename "$source")
	MEMORY_MODEL="$CACHE/memory-model/${name%.tar*}"
	[ -e "$MEMORY_MODEL/linux-kernel.cfg" ] ||
		with_lock memory-model unpack_memory_model "$source" "$MEMORY_MODEL"
}

unpack_memory_model() {
	local source=$1 dir=$2
	[ ! -e "$dir/linux-kernel.cfg" ] || return 0
	rm -rf "$dir" "$dir.new"
	mkdir -p "$dir.new"
	busy 'unpacking the memory model' tar -xf "$source" -C "$dir.new" \
		--strip-components=3 --no-same-owner --wildcards \
		'*/tools/memory-model/linux-kernel.*' '*/tools/memory-model/lock.cat' &&
		mv -T "$dir.new" "$dir"
}
