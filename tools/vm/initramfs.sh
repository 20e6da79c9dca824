# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# The root file system of a guest: a folder that is filled and then packed. Not
# compressed: unpacking costs an emulated guest more than reading. To be
# sourced, after common.sh.

is_elf() {
	local magic=''
	IFS= read -r -n 4 magic <"$1" 2>/dev/null || true
	[ "$magic" = $'\x7fELF' ]
}

# The programs that /init and small tests are made of; /init gives them names.
add_busybox() {
	local root=$1 busybox
	busybox=$(command -v busybox)
	! ldd "$busybox" >/dev/null 2>&1 || need_packages 'the shell of guests' busybox-static
	mkdir -p "$root"/{bin,sbin,usr/bin,usr/sbin,usr/lib,dev,proc,sys,tmp,run,root,vm,etc}
	cp "$busybox" "$root/bin/busybox"
	printf '%s\n' root:x:0:0:root:/root:/bin/sh user:x:1000:1000::/tmp:/bin/sh \
		nobody:x:65534:65534::/:/bin/sh >"$root/etc/passwd"
	printf '%s\n' root:x:0: user:x:1000: nogroup:x:65534: >"$root/etc/group"
	echo 127.0.0.1 localhost >"$root/etc/hosts"
}

# needs_32bit FILE: the libraries of a 32-bit program, which ldd tells only where the
# running kernel can run it.
needs_32bit() {
	local name
	readelf -l "$1" 2>/dev/null | sed -n 's/.*interpreter: \(.*\)]$/\1/p'
	readelf -d "$1" 2>/dev/null | sed -n 's/.*(NEEDED).*\[\(.*\)]$/\1/p' |
		while read -r name; do
		[ ! -e "/lib32/$name" ] || echo "/lib32/$name"
	done
}

# needs FILE: the shared libraries of an ELF file. A static program has none, which is
# no failure.
needs() {
	{ ldd "$1" 2>/dev/null || needs_32bit "$1"; } | { grep -o '/[^ ]*' || true; }
}

# add_libraries ROOT FILE: the shared libraries that an ELF file needs, at the
# same places as here.
add_libraries() {
	local root=$1 library
	needs "$2" |
		while read -r library; do
		[ -e "$root$library" ] && continue
		mkdir -p "$root${library%/*}"
		cp -L "$library" "$root$library"
		echo "${library%/*}" >>"$root/etc/ld.so.conf"
	done
}

# Scripts for bash get it; others make do with busybox.
add_interpreter() {
	local line=''
	IFS= read -r line 2>/dev/null <"$2" || true
	[[ $line =~ ^'#!'.*bash ]] || return 0
	[ ! -e "$1/usr/bin/bash" ] || return 0
	cp "$(command -v bash)" "$1/usr/bin/bash"
	ln -s ../usr/bin/bash "$1/bin/bash"
	add_libraries "$1" "$1/usr/bin/bash"
}

# What files under PATH (inside ROOT) need in order to run.
add_needs() {
	local root=$1 path=$2 file
	find "$path" -type f -size +0 | while read -r file; do
		if is_elf "$file"; then
			add_libraries "$root" "$file"
		else
			add_interpreter "$root" "$file"
		fi
	done
}

# add_file ROOT HOST GUEST
add_file() {
	local root=$1 host=$2 guest=$3
	mkdir -p "$(dirname "$root$guest")"
	cp -a -L "$host" "$root$guest"
	add_needs "$root" "$root$guest"
}

# The project's tools, where they exist, as installed.
add_project() {
	local root=$1 library
	for library in "$REPO"/tools/lib/libdocstore.so*; do
		[ ! -e "$library" ] || add_file "$root" "$library" "/usr/lib/${library##*/}"
	done
	if [ -x "$REPO/tools/docstore/docstore" ]; then
		add_file "$root" "$REPO/tools/docstore/docstore" /usr/bin/docstore
	fi
	[ -d "$REPO/selftests" ] || return 0
	mkdir -p "$root/selftests"
	(cd "$REPO/selftests" && find . -name build -prune -o \
		-type f '(' -perm -u+x -o -name '*.sh' ')' -print0 |
		cpio -0 -p -d --quiet "$root/selftests")
	add_needs "$root" "$root/selftests"
}

# add_modules ROOT LIST TREE RELEASE MODULE...: modules of the kernel and what
# they depend on, named in LIST in the order of loading.
add_modules() {
	local root=$1 list=$2 tree=$3 release=$4 file
	shift 4
	modprobe -d "$tree" -S "$release" -a --show-depends "$@" 2>/dev/null |
		sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++' |
		while read -r file; do
			add_module "$root" "$list" "$file"
		done
}

add_module() {
	local name=${3##*/}
	name=/vm/modules/${name%%.ko*}.ko
	mkdir -p "$1/vm/modules"
	case "$3" in
	*.xz)	need_program xz xz-utils 'to unpack modules'
		xz -dc "$3" >"$1$name" ;;
	*.zst)	need_program zstd zstd 'to unpack modules'
		zstd -qdc "$3" >"$1$name" ;;
	*)	cp "$3" "$1$name" ;;
	esac
	echo "$name" >>"$1$2"
}

# pack ROOT FILE
pack() {
	sort -u -o "$1/etc/ld.so.conf" "$1/etc/ld.so.conf" 2>/dev/null || true
	[ ! -s "$1/etc/ld.so.conf" ] || ldconfig -r "$1"
	(cd "$1" && find . -print0 | cpio -0 -o -H newc -R 0:0 --quiet) >"$2"
}
