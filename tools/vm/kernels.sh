# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Kernels to test on: the distribution's own (default) and those of other
# Debian suites (6.1, 6.12, 7.2), fetched as packages and unpacked into the
# cache, never installed; and debug kernels, see debug.sh. To be sourced, after
# common.sh, packages.sh, suites.sh, source.sh and debug.sh.
#
# A kernel is a folder:
#	vmlinuz		what boots
#	lib/modules/	its modules, for modprobe -d; debug kernels have none
#	kdir		to build against: make -C .../kdir M=...
#	release		what uname -r will say; written last: no folder is
#			complete without it

KERNEL_NAMES="default 6.1 6.12 7.2 $DEBUG_NAMES"

# The suite that a kernel comes from; "system" is whatever apt is set up for.
kernel_suite() {
	case "$1,$(distribution)" in
	default,*)		echo system ;;
	6.1,'debian bookworm')	echo system ;;
	6.1,*)			echo bookworm ;;
	6.12,*)			echo bookworm-backports ;;
	7.2,*|kasan,*|kcsan,*)	echo sid ;;
	*)			die "no kernel '$1': there are $KERNEL_NAMES" ;;
	esac
}

kernel_flavour() {
	case "$1,$(distribution)" in
	default,ubuntu*)	echo virtual ;;
	*)			echo cloud-amd64 ;;
	esac
}

# The release that the suite's meta-package leads to.
current_release() {
	package_depends "linux-headers-$1" |
		sed -n 's/^linux-headers-\([0-9]\)/\1/p' | head -n 1
}

# The package that holds vmlinuz: the name depends on the age of the suite and
# on whether the signed one has been built yet.
image_package() {
	local release=$1 name
	for name in "linux-binary-$release" "linux-image-$release" \
		"linux-image-$release-unsigned" \
		"linux-binary-unsigned-$release" \
		"linux-image-unsigned-$release"; do
		# An empty one (a meta-package) is a few kilobytes.
		[ "$(package_size "$name")" -gt 1000000 ] || continue
		echo "$name"
		return
	done
	return 1
}

# All packages of a release: image, modules where they are apart, headers and
# what these need.
kernel_packages() {
	local release=$1 extra
	image_package "$release"
	for extra in "linux-modules-$release" "linux-base-$release"; do
		[ "$(package_size "$extra")" = 0 ] || echo "$extra"
	done
	echo "linux-headers-$release"
	package_depends "linux-headers-$release" | grep -E '^linux-(headers|kbuild)-'
}

gather_image() {
	local dir=$1 image
	image=$(find "$dir" -name 'vmlinuz*' -type f | head -n 1)
	[ -n "$image" ] && mv "$image" "$dir/vmlinuz" && chmod a+r "$dir/vmlinuz"
}

# Newer packages have /usr/lib/modules; modprobe -d looks in lib/modules.
gather_modules() {
	local dir=$1 release=$2
	if [ -d "$dir/usr/lib/modules" ]; then
		mkdir -p "$dir/lib" && mv "$dir/usr/lib/modules" "$dir/lib/modules" ||
			return
	fi
	depmod -b "$dir" "$release"
}

unpack_kernel() {
	local dir=$1 release=$2
	unpack_packages "$dir" && gather_image "$dir" &&
		gather_modules "$dir" "$release" &&
		rm -rf "${dir:?}/boot" "${dir:?}/usr/share"
}

# Headers know where they would be installed; tell them where they are.
relocate_headers() {
	local dir=$1 headers=$2 link
	sed -i --follow-symlinks "s|/usr/src/|$dir/usr/src/|g" "$headers/Makefile" &&
		find "$dir/usr" -lname '/*' | while read -r link; do
			ln -sfn "$dir$(readlink "$link")" "$link" || return
		done
}

# The compiler that built the kernel, where the headers insist on it.
headers_compiler() {
	sed -n 's/^CC = .*)\(gcc-[0-9]*\).*/\1/p' "$1/.kernelvariables" 2>/dev/null
}

# The headers' own programs may need a newer C library than there is, and their
# configuration a newer compiler.
headers_usable() {
	local headers=$1 compiler programs
	# With BTF a module is not built without pahole.
	! grep -qx 'CONFIG_DEBUG_INFO_BTF_MODULES=y' "$headers/.config" ||
		need_program pahole dwarves 'to build modules' || return
	compiler=$(headers_compiler "$headers")
	[ -z "$compiler" ] || have "$compiler" || package_known "$compiler" || return
	programs=$(find -L "$headers/scripts" "$headers/tools" -type f -perm -u+x \
		-exec ldd {} + 2>&1)
	[[ $programs != *'not found'* ]]
}

# Make kdir: the packaged headers if they work here, or else a tree from the
# kernel's source that is configured like them.
add_build_dir() {
	local dir=$1 release=$2 suite=$3 headers="$1/usr/src/linux-headers-$2" compiler
	# Unpacked and not installed, they bring no libraries.
	need_packages "what headers' programs are linked with" libelf-dev || return
	relocate_headers "$dir" "$headers" || return
	if ! headers_usable "$headers"; then
		build_dir_from_source "$dir" "$release" "$suite" "$headers"
		return
	fi
	# With BTF a module is not built without pahole.
	! grep -qx 'CONFIG_DEBUG_INFO_BTF_MODULES=y' "$headers/.config" ||
		need_program pahole dwarves 'to build modules' || return
	compiler=$(headers_compiler "$headers")
	[ -z "$compiler" ] ||
		need_program "$compiler" "$compiler" "built Linux $release" || return
	ln -s "usr/src/linux-headers-$release" "$dir/kdir"
}

make_tree() {
	local dir=$1 release=$2 suite=$3 packages
	mapfile -t packages < <(kernel_packages "$release")
	rm -rf "$dir"
	if download_packages "$dir/packages" "$suite" "${packages[@]}" &&
		busy "unpacking Linux $release" unpack_kernel "$dir" "$release" &&
		add_build_dir "$dir" "$release" "$suite"; then
		echo "$release" >"$dir/release"
	else
		rm -rf "$dir"
		return 1
	fi
}

# Folders that no name points to any more.
prune_trees() {
	local dir
	for dir in "$CACHE"/kernels/tree.*; do
		find "$CACHE/kernels" -maxdepth 1 -type l -lname "${dir##*/}" |
			grep -q . || rm -rf "$dir"
	done
}

provide_tree() {
	local name=$1 tree=$2 release=$3 suite=$4 dir="$CACHE/kernels/$2"
	[ -e "$dir/release" ] || make_tree "$dir" "$release" "$suite" || return
	ln -sfn "$tree" "$CACHE/kernels/$name"
	prune_trees
}

# renew_kernel NAME SUITE: make sure that the kernel which the suite has now is
# in the cache, and that the link NAME points to it.
renew_kernel() {
	local name=$1 suite=$2 release version tree
	use_suite "$suite"
	refresh_suite "$suite" || return
	release=$(current_release "$(kernel_flavour "$name")")
	if [ -z "$release" ]; then
		say "no package linux-headers-$(kernel_flavour "$name") is known"
		return 1
	fi
	version=$(package_field "linux-headers-$release" Version)
	tree=tree.$(printf '%s_%s' "$release" "$version" | tr -c 'A-Za-z0-9.+-' _)
	with_lock kernels provide_tree "$name" "$tree" "$release" "$suite" || return
	touch "$CACHE/kernels/checked.$name"
}

# Nothing newer can be known of: it was checked within a day, and the lists
# have not changed since.
kernel_is_current() {
	local name=$1 lists
	lists=$(suite_lists "$2")
	[ -e "$CACHE/kernels/$name/release" ] &&
		find "$CACHE/kernels/checked.$name" -newer "$lists" -mmin -1440 \
			2>/dev/null | grep -q .
}

# kernel_fetch NAME: the folder of a kernel, by name. What the cache has is
# good enough when nothing newer can be had.
kernel_fetch() {
	local name=$1 suite
	suite=$(kernel_suite "$name")
	[ "$(dpkg --print-architecture 2>/dev/null)" = amd64 ] ||
		skip "kernels are fetched on amd64 Debian and Ubuntu only:" \
			"name a build tree instead"
	mkdir -p "$CACHE/kernels"
	need_packages 'to build modules' make gcc libc6-dev kmod
	if is_debug_kernel "$name"; then
		debug_fetch "$name" "$suite"
		return
	fi
	if ! kernel_is_current "$name" "$suite" && ! renew_kernel "$name" "$suite"; then
		[ -e "$CACHE/kernels/$name/release" ] ||
			die "Linux $name could not be fetched"
		say "Linux $name could not be renewed: using the one of before"
	fi
	readlink -f "$CACHE/kernels/$name"
}
