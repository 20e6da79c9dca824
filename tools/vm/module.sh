# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Building the module for a kernel, for tools/vm/run. To be sourced, after
# common.sh.

# A module is built where its sources are, so each kernel gets a copy of them:
# several can be built side by side, and none touches the checkout.
copy_sources() {
	rsync -a -O --delete --itemize-changes --exclude='.*' --exclude='*.o' \
		--exclude='*.ko' --exclude='*.mod' --exclude='*.mod.c' \
		--exclude=modules.order --exclude=Module.symvers \
		--exclude=built "$REPO/Kbuild" "$REPO/module" "$REPO/uapi" "$1/"
}

make_module() {
	local dir=$1 kdir=$2 release=$3 changes
	mkdir -p "$dir"
	changes=$(copy_sources "$dir") || return
	# make takes seconds to find that there is nothing to do.
	[ -n "$changes" ] || [ ! -e "$dir/built" ] || return 0
	rm -f "$dir/built"
	busy "building the module for Linux $release" \
		make -C "$kdir" M="$dir" -j"$(nproc)" modules || return
	touch "$dir/built"
}

# build_module KDIR RELEASE RESULT: the module for a kernel, copied to RESULT.
build_module() {
	local kdir=$1 id
	[ -e "$REPO/Kbuild" ] || die "no module sources in $REPO: see --module, --no-module"
	need_program rsync rsync 'to copy the sources'
	id=$(printf '%s\n' "$REPO" "$kdir" | sha1sum | cut -c 1-12)
	with_lock "build-$id" build_and_copy "$CACHE/build/$id" "$@" ||
		die "the module does not build"
}

build_and_copy() {
	make_module "$1" "$2" "$3" && cp "$1/docstore.ko" "$4"
}
