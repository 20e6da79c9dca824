# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Kernels to test on: the distribution's own (default) and those of other
# Debian suites (6.1, 6.12, 7.2), fetched as packages and unpacked into the
# cache, never installed. To be sourced, after common.sh and packages.sh.
#
# A kernel is a folder:
#	vmlinuz		what boots
#	release		what uname -r will say
#	kdir		to build against: make -C .../kdir M=...
#	lib/modules/	its modules, for modprobe -d

KERNEL_NAMES='default 6.1 6.12 7.2'

distribution() {
	(
		. /etc/os-release
		echo "${ID:-unknown} ${VERSION_CODENAME:-unknown}"
	)
}

# The suite that a kernel comes from; "system" is whatever apt is set up for.
kernel_suite() {
	case "$1,$(distribution)" in
	default,*)		echo system ;;
	6.1,'debian bookworm')	echo system ;;
	6.1,*)			echo bookworm ;;
	6.12,*)			echo bookworm-backports ;;
	7.2,*)			echo sid ;;
	*)			die "no kernel '$1': there are $KERNEL_NAMES" ;;
	esac
}

kernel_flavour() {
	case "$1,$(distribution)" in
	default,ubuntu*)	echo virtual ;;
	*)			echo cloud-amd64 ;;
	esac
}

# debian_mirror LABEL: the mirror that the system reads Debian from. No mirror
# is named here: whoever set up the system chose one that can be reached.
debian_mirror() {
	# shellcheck disable=SC2016 # apt's own variables
	apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' \
		'Created-By: Packages' 2>/dev/null |
		sed -n "s/^Debian|$1|//p" | head -n 1
}

# The sources of a suite as lines of a sources.list; fails if no mirror of
# Debian is known here.
suite_sources() {
	local suite=$1 mirror security
	local keyring=/usr/share/keyrings/debian-archive-keyring.gpg
	mirror=${DOCSTORE_DEBIAN_MIRROR:-$(debian_mirror Debian)}
	[ -n "$mirror" ] || return 1
	[ -e "$keyring" ] ||
		need_packages 'to check signatures of Debian' debian-archive-keyring
	echo "deb [signed-by=$keyring] $mirror $suite main"
	security=$(debian_mirror Debian-Security)
	if [ "$suite" = bookworm ] && [ -n "$security" ]; then
		echo "deb [signed-by=$keyring] $security $suite-security main"
	fi
}

# use_suite SUITE: make apt() speak of that suite, by lists of our own: the
# system's configuration is read and never changed.
use_suite() {
	local suite=$1 dir="$CACHE/apt/$1" sources
	APT=(-q -o "APT::Sandbox::User=$(id -un)")
	[ "$suite" != system ] || return 0
	sources=$(suite_sources "$suite") ||
		skip "no kernel of Debian's $suite here: this system reads no Debian" \
			"mirror (DOCSTORE_DEBIAN_MIRROR=URL names one)"
	mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
	printf '%s\n' "$sources" >"$dir/sources.list"
	APT+=(-o "Dir::Etc::sourcelist=$dir/sources.list"
		-o Dir::Etc::sourceparts=/dev/null
		-o "Dir::State::lists=$dir/lists"
		-o "Dir::Cache=$dir/cache"
		-o Dir::State::status=/dev/null)
}

# Update the lists of a suite. Those of the system need root, others don't.
update_suite() {
	if [ "$1" = system ]; then
		packages_update
		return
	fi
	busy "reading the package lists of Debian's $1" \
		apt-get "${APT[@]}" -o APT::Update::Error-Mode=any update &&
		touch "$CACHE/apt/$1/updated"
}

# Have lists, if possible not older than a day: suites move. When there is no
# network, old ones do.
refresh_suite() {
	local stamp="$CACHE/apt/$1/updated"
	if [ "$1" = system ]; then
		package_known linux-libc-dev || update_suite system
	elif [ ! -e "$stamp" ]; then
		update_suite "$1"
	elif [ -n "$(find "$stamp" -mmin +1440)" ]; then
		update_suite "$1" || say "using the package lists of before"
	fi
}

package_field() {
	apt-cache "${APT[@]}" show --no-all-versions "$1" 2>/dev/null |
		sed -n "s/^$2: //p" | head -n 1
}

# Names of the packages that a package depends on, one a line; of alternatives
# the first.
package_depends() {
	package_field "$1" Depends | tr ',' '\n' |
		sed 's/|.*//; s/(.*//; s/[[:space:]]//g; s/:.*//'
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
		[ "$(package_field "$name" Size)" -gt 1000000 ] 2>/dev/null || continue
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
		[ -z "$(package_field "$extra" Size)" ] || echo "$extra"
	done
	echo "linux-headers-$release"
	package_depends "linux-headers-$release" | grep -E '^linux-(headers|kbuild)-'
}

# download_packages DIR SUITE PACKAGE...
download_packages() {
	local dir=$1 suite=$2
	shift 2
	mkdir -p "$dir"
	(cd "$dir" && busy "fetching $*" apt-get "${APT[@]}" download "$@") && return
	# The mirror may have moved on since the lists were read.
	update_suite "$suite"
	(cd "$dir" && busy "fetching $*, again" apt-get "${APT[@]}" download "$@")
}

# Headers know where they will be installed; tell them where they are instead.
relocate_headers() {
	local root=$1 final=$2 kdir=$3 link
	sed -i "s|/usr/src/|$final/usr/src/|g" "$root/$kdir/Makefile" &&
		find "$root/usr" -lname '/*' | while read -r link; do
			ln -sfn "$final$(readlink "$link")" "$link" || return
		done
}

# Use the compiler that built the kernel if it can be had, else the host's.
choose_compiler() {
	local variables="$1/.kernelvariables" compiler
	[ -e "$variables" ] || return 0
	compiler=$(sed -n 's/^CC = .*)\(gcc-[0-9]*\).*/\1/p' "$variables")
	[ -n "$compiler" ] && ! have "$compiler" || return 0
	if package_known "$compiler"; then
		need_packages 'the compiler of that kernel' "$compiler"
	else
		say "no $compiler here: building with $(gcc --version | head -n 1)"
		sed -i "s/$compiler/gcc/" "$variables"
	fi
}

# kernel_build_dir DIR FINAL RELEASE: make kdir in a folder of unpacked packages.
kernel_build_dir() {
	local dir=$1 final=$2 kdir="usr/src/linux-headers-$3"
	relocate_headers "$dir" "$final" "$kdir" &&
		choose_compiler "$dir/$kdir" &&
		ln -s "$kdir" "$dir/kdir"
}

unpack_packages() {
	local dir=$1 package
	for package in "$dir"/packages/*.deb; do
		dpkg -x "$package" "$dir" || return
	done
	rm -r "${dir:?}/packages"
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

gather_image() {
	local dir=$1 image
	image=$(find "$dir" -name 'vmlinuz*' -type f | head -n 1)
	[ -n "$image" ] && mv "$image" "$dir/vmlinuz" && chmod a+r "$dir/vmlinuz"
}

# unpack_kernel DIR FINAL RELEASE: from .deb files in DIR/packages to a kernel
# folder that will be renamed to FINAL.
unpack_kernel() {
	local dir=$1 final=$2 release=$3
	unpack_packages "$dir" &&
		gather_image "$dir" &&
		gather_modules "$dir" "$release" &&
		kernel_build_dir "$dir" "$final" "$release" &&
		rm -rf "${dir:?}/boot" "${dir:?}/usr/share" &&
		echo "$release" >"$dir/release"
}

# Folders that no name points to any more.
prune_kernels() {
	local dir
	for dir in "$CACHE"/kernels/tree.*; do
		[ -d "$dir" ] || continue
		find "$CACHE/kernels" -maxdepth 1 -type l -lname "${dir##*/}" |
			grep -q . || rm -rf "$dir"
	done
}

# make_tree FINAL RELEASE SUITE: the folder appears by a rename, whole or not
# at all.
make_tree() {
	local final=$1 release=$2 suite=$3 dir packages
	mapfile -t packages < <(kernel_packages "$release")
	dir=$(mktemp -d "$CACHE/kernels/new.XXXXXX")
	chmod 755 "$dir"
	if download_packages "$dir/packages" "$suite" "${packages[@]}" &&
		busy "unpacking Linux $release" \
			unpack_kernel "$dir" "$final" "$release"; then
		mv "$dir" "$final"
	else
		rm -rf "$dir"
		return 1
	fi
}

# kernel_tree NAME SUITE: make sure that the kernel which the suite has now is
# in the cache, and that the link NAME points to it.
kernel_tree() {
	local name=$1 suite=$2 flavour release version tree final
	flavour=$(kernel_flavour "$name")
	release=$(current_release "$flavour")
	[ -n "$release" ] || return 1
	version=$(package_field "linux-headers-$release" Version)
	tree=tree.$(printf '%s_%s' "$release" "$version" | tr -c 'A-Za-z0-9.+-' _)
	final="$CACHE/kernels/$tree"
	[ -d "$final" ] || make_tree "$final" "$release" "$suite" || return
	ln -sfn "$tree" "$CACHE/kernels/$name"
	prune_kernels
}

# kernel_fetch NAME: the folder of a kernel, by name. What the cache has is
# good enough when nothing newer can be had.
kernel_fetch() {
	local name=$1 suite dir="$CACHE/kernels/$1"
	suite=$(kernel_suite "$name")
	[ "$(dpkg --print-architecture 2>/dev/null)" = amd64 ] ||
		skip "kernels are fetched on amd64 Debian and Ubuntu only: name a" \
			"build tree instead"
	mkdir -p "$CACHE/kernels"
	use_suite "$suite"
	need_program make make 'to build modules'
	need_program gcc gcc 'to build modules'
	need_program depmod kmod 'to look into modules'
	if ! { refresh_suite "$suite" && with_lock kernels kernel_tree "$name" "$suite"; }; then
		[ -d "$dir" ] || die "Linux $name could not be fetched"
		say "Linux $name could not be renewed: using the one of before"
	fi
	readlink -f "$dir"
}
