# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Reading packages of other Debian suites than the system's, without changing
# anything in the system: lists and downloads are in the cache. To be sourced,
# after common.sh and packages.sh.

distribution() {
	(
		. /etc/os-release
		echo "${ID:-unknown} ${VERSION_CODENAME:-unknown}"
	)
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

# What changes when the lists of a suite do.
suite_lists() {
	if [ "$1" = system ]; then
		echo /var/lib/apt/lists
	else
		echo "$CACHE/apt/$1/updated"
	fi
}

# use_suite SUITE: make the functions below speak of that suite.
use_suite() {
	local suite=$1 dir="$CACHE/apt/$1" sources
	APT=(-q -o "APT::Sandbox::User=$(id -un)")
	[ "$suite" != system ] || return 0
	sources=$(suite_sources "$suite") ||
		skip "no kernel of Debian's $suite here: this system reads no" \
			"mirror of Debian (DOCSTORE_DEBIAN_MIRROR=URL names one)"
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
	else
		busy "reading the package lists of Debian's $1" \
			apt-get "${APT[@]}" -o APT::Update::Error-Mode=any update &&
			touch "$(suite_lists "$1")"
	fi
}

# Have lists, if possible not older than a day: suites move. When there is no
# network, old ones do.
refresh_suite() {
	local lists
	lists=$(suite_lists "$1")
	if [ "$1" = system ]; then
		package_known linux-libc-dev || update_suite system
	elif [ ! -e "$lists" ]; then
		update_suite "$1"
	elif [ -n "$(find "$lists" -mmin +1440)" ]; then
		update_suite "$1" || say "using the package lists of before"
	fi
}

# package_field PACKAGE FIELD: of the newest version in the suite.
package_field() {
	apt-cache "${APT[@]}" show --no-all-versions "$1" 2>/dev/null |
		sed -n "s/^$2: //p" | head -n 1
}

# The size of a package in bytes; 0 if there is none of that name.
package_size() {
	local size
	size=$(package_field "$1" Size)
	echo "${size:-0}"
}

# Names of the packages that a package depends on, one a line; of alternatives
# the first.
package_depends() {
	package_field "$1" Depends | tr ',' '\n' |
		sed 's/|.*//; s/(.*//; s/[[:space:]]//g; s/:.*//'
}

# download_packages DIR SUITE PACKAGE...: the .deb files, once more after an
# update if the mirror has moved on since the lists were read.
download_packages() {
	local dir=$1 suite=$2
	shift 2
	mkdir -p "$dir"
	busy "fetching $*" download_into "$dir" "$@" ||
		{ update_suite "$suite" &&
			busy "fetching $*, again" download_into "$dir" "$@"; }
}

download_into() {
	local dir=$1
	shift
	(cd "$dir" && apt-get "${APT[@]}" download "$@")
}

# unpack_packages DIR: those in DIR/packages, into DIR.
unpack_packages() {
	local dir=$1 package
	for package in "$dir"/packages/*.deb; do
		dpkg -x "$package" "$dir" || return
	done
	rm -r "${dir:?}/packages"
}
