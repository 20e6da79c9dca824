# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Debug kernels: kasan and kcsan, built from the newest linux-source package with
# the small configurations in configs/. Their place in the cache is like that of
# other kernels (see kernels.sh), but nothing newer is looked for: one stays until
# its configuration changes, since building takes minutes. To be sourced, after
# source.sh.

DEBUG_NAMES='kasan kcsan'
DEBUG_CONFIGS=$(dirname "${BASH_SOURCE[0]}")/configs

is_debug_kernel() {
	[[ " $DEBUG_NAMES " == *" $1 "* ]]
}

# What is asked of a kernel, as one file.
debug_config() {
	cat "$DEBUG_CONFIGS"/{base,debug,"$1"}.config
}

# debug_differences WANTED CONFIG: lines that did not take effect. An option that
# another one rules out is dropped silently, and its detector with it.
debug_differences() {
	local wanted=$1 config=$2 line
	grep -E '^(CONFIG_|# CONFIG_.* is not set)' "$wanted" | while read -r line; do
		case $line in
		'#'*)
			line=${line#\# }
			! grep -q "^${line% is not set}=" "$config" || echo "# $line"
			;;
		*)
			grep -qxF "$line" "$config" || echo "$line"
			;;
		esac
	done
}

configure_debug() {
	local source=$1 build=$2 wanted=$3 lost
	make -C "$source" O="$build" KCONFIG_ALLCONFIG="$wanted" allnoconfig || return
	lost=$(debug_differences "$wanted" "$build/.config")
	[ -z "$lost" ] || {
		printf 'These options took no effect:\n%s\n' "$lost"
		return 1
	}
}

# Modules too, for Module.symvers.
compile_debug() {
	make -C "$1" O="$2" -j"$(nproc)" LOCALVERSION="-$3" KBUILD_BUILD_TIMESTAMP=now \
		bzImage modules
}

# The source is unpacked once for all debug kernels, and stays: modules are built
# with it.
debug_source() {
	local suite=$1 name dir
	[ ! -e "$CACHE/kernels/source/complete" ] || return 0
	refresh_suite "$suite" || return
	name=$(package_depends linux-source | grep '^linux-source-' | head -n 1)
	[ -n "$name" ] || { say 'no package linux-source is known'; return 1; }
	dir="$CACHE/kernels/tree.source-${name##*-}"
	rm -rf "$dir"
	download_packages "$dir/package" "$suite" "$name" &&
		busy "unpacking the source of Linux ${name##*-}" \
			unpack_source "$dir"/package/*.deb "$dir" '*' &&
		rm -r "$dir/package" && touch "$dir/complete" &&
		ln -sfn "${dir##*/}" "$CACHE/kernels/source"
}

make_debug_tree() {
	local dir=$1 name=$2 suite=$3 source
	rm -rf "$dir"
	need_packages 'to build kernels' flex bison bc libelf-dev libssl-dev xz-utils \
		perl python3 gcc libc6-dev make kmod || return
	debug_source "$suite" || return
	source=$(readlink -f "$CACHE/kernels/source")
	mkdir -p "$dir/build"
	debug_config "$name" >"$dir/wanted"
	busy "configuring the $name kernel" \
		configure_debug "$source" "$dir/build" "$dir/wanted" &&
		busy "building the $name kernel, which takes minutes and is done once" \
			compile_debug "$source" "$dir/build" "$name" &&
		cp "$dir/build/arch/x86/boot/bzImage" "$dir/vmlinuz" &&
		find "$dir/build" -name '*.o' -not -path '*/scripts/*' \
			-not -path '*/tools/*' -delete &&
		ln -s build "$dir/kdir" &&
		cp "$dir/build/include/config/kernel.release" "$dir/release"
}

provide_debug_tree() {
	local name=$1 tree=$2 suite=$3 dir="$CACHE/kernels/$2"
	[ -e "$dir/release" ] || make_debug_tree "$dir" "$name" "$suite" || return
	ln -sfn "$tree" "$CACHE/kernels/$name"
	prune_trees
}

# debug_fetch NAME SUITE: the folder of a debug kernel.
debug_fetch() {
	local name=$1 suite=$2 tree
	tree=tree.$name-$(debug_config "$name" | sha1sum | cut -c 1-12)
	mkdir -p "$CACHE/kernels"
	[ -e "$CACHE/kernels/$tree/release" ] || use_suite "$suite"
	with_lock kernels provide_debug_tree "$name" "$tree" "$suite" ||
		die "the $name kernel could not be built"
	readlink -f "$CACHE/kernels/$name"
}
