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

# make_module DIR PATCH KDIR RELEASE BREAK
make_module() {
	local dir=$1 broken=$2 kdir=$3 release=$4 break=$5 changes
	# A file that is whole again is not newer than what was made of it broken.
	[ -z "$broken" ] || rm -rf "$dir"
	mkdir -p "$dir"
	changes=$(copy_sources "$dir") || return
	# make takes seconds to find that there is nothing to do.
	[ -n "$changes" ] || [ ! -e "$dir/built" ] || return 0
	rm -f "$dir/built"
	[ -z "$broken" ] || patch -s -p1 -d "$dir" <"$broken" || return
	busy "building the module for Linux $release" \
		make -C "$kdir" M="$dir" -j"$(nproc)" ${break:+DOCSTORE_BREAK=1} modules || return
	touch "$dir/built"
}

# build_module KDIR RELEASE RESULT [PATCH [BREAK]]: the module for a kernel, copied to
# RESULT; with a patch, so that it breaks a rule; with BREAK, so that it can break stores.
build_module() {
	local kdir=$1 release=$2 result=$3 broken=${4:-} break=${5:-} id
	[ -e "$REPO/Kbuild" ] || die "no module sources in $REPO: see --module, --no-module"
	need_program rsync rsync 'to copy the sources'
	[ -z "$broken" ] || need_program patch patch 'to break a rule'
	id=$(printf '%s\n' "$REPO" "$kdir" "$broken" ${break:+break} | sha1sum | cut -c 1-12)
	with_lock "build-$id" build_and_copy "$CACHE/build/$id" "$broken" "$kdir" \
		"$release" "$result" "$break" || die "the module does not build"
}

build_and_copy() {
	make_module "$1" "$2" "$3" "$4" "$6" && cp "$1/docstore.ko" "$5"
}
