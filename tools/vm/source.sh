# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Building against a kernel whose headers don't work here, since their programs
# need a newer C library or their configuration a newer compiler: take the same
# kernel's source, configure it like the headers, and prepare it with what the
# host has. To be sourced, after suites.sh.

# All of the source that preparing and building modules read: a tenth of it.
SOURCE_PARTS=(Makefile Kbuild Kconfig '*Kconfig*' scripts include arch/x86
	kernel/bounds.c kernel/sched/rq-offsets.c kernel/time/timeconst.bc
	'kernel/*.h' 'mm/*.h' 'security/*.h'
	tools/{Makefile,arch/x86,bpf/resolve_btfids,build,include,lib}
	tools/{objtool,scripts})

# unpack_source PACKAGE DIR PART...: from a linux-source package; without parts,
# all of it.
unpack_source() {
	local package=$1 dir=$2 name
	shift 2
	name=$(basename "$package")
	name=${name%%_*}
	mkdir -p "$dir"
	dpkg --fsys-tarfile "$package" |
		tar -x -O "./usr/src/$name.tar.xz" | xz -T0 -dc |
		tar -x -C "$dir" --strip-components=1 --wildcards "${@/#/$name/}" ||
		[ -e "$dir/Makefile" ] # not every kernel has all of these
}

# configure_like HEADERS SOURCE BUILD: options that depend on the compiler will
# differ, and none of them changes the layout of a structure. Anything else
# may: modules are loaded without a check of that, so say it.
configure_like() {
	local headers=$1 source=$2 build=$3 differ
	mkdir -p "$build"
	cp "$headers/.config" "$build/.config" &&
		make -C "$source" O="$build" olddefconfig || return
	differ=$(diff "$headers/.config" "$build/.config" | grep '^[<>]' |
		grep -vE '(CC|GCC|AS|LD|RUSTC?|PAHOLE|BINDGEN|OPENSSL)_' |
		grep -vE 'RUST|_MLDSA_|_ZSTD|NOVA_CORE') || return 0
	printf 'These options cannot be as in the package:\n%s\n' "$differ"
	return 1
}

prepare_source() {
	local headers=$1 source=$2 build=$3 release=$4
	make -C "$source" O="$build" -j"$(nproc)" KERNELRELEASE="$release" \
		LOCALVERSION= modules_prepare &&
		[ -x "$build/tools/objtool/objtool" ] &&
		cp "$headers/Module.symvers" "$build/"
}

# build_dir_from_source DIR RELEASE SUITE HEADERS: make DIR/kdir.
build_dir_from_source() {
	local dir=$1 release=$2 suite=$3 headers=$4 package
	# dwarves: without pahole there is no BTF, and struct module is another.
	need_packages 'to prepare kernel sources' flex bison bc libelf-dev \
		libssl-dev dwarves xz-utils || return
	package=linux-source-$(cut -d . -f 1,2 <<<"$release")
	download_packages "$dir/source" "$suite" "$package" &&
		busy "unpacking the source of Linux $release" \
			unpack_source "$dir"/source/*.deb "$dir/src" "${SOURCE_PARTS[@]}" &&
		rm -r "$dir/source" &&
		busy "configuring it like the package" \
			configure_like "$headers" "$dir/src" "$dir/build" &&
		busy "preparing it for modules" \
			prepare_source "$headers" "$dir/src" "$dir/build" "$release" &&
		ln -s build "$dir/kdir"
}
