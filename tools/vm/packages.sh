# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Packages of the distribution (Debian, Ubuntu): installing what is missing.
# To be sourced, after common.sh.

package_installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

package_known() {
	local candidate
	candidate=$(apt-cache policy "$1" 2>/dev/null | sed -n 's/^  Candidate: //p')
	[ -n "$candidate" ] && [ "$candidate" != '(none)' ]
}

packages_update() {
	busy "reading the distribution's package lists" \
		as_root apt-get -qq update
}

packages_install() {
	as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l \
		apt-get -y -q -o DPkg::Lock::Timeout=600 \
		install --no-install-recommends "$@"
}

# need_packages WHY PACKAGE...: install those that are missing. The lists are
# updated when they don't know a package, and once more when what they know
# cannot be had (the mirror has moved on).
need_packages() {
	local why=$1 package missing=() unknown=''
	shift
	have apt-get || die "$why needs the equivalent of these Debian packages: $*"
	for package; do
		package_installed "$package" || missing+=("$package")
	done
	[ ${#missing[@]} != 0 ] || return 0
	for package in "${missing[@]}"; do
		package_known "$package" || unknown=yes
	done
	[ -z "$unknown" ] || packages_update
	busy "installing ${missing[*]} ($why)" packages_install "${missing[@]}" &&
		return
	packages_update
	busy "installing ${missing[*]}, again" packages_install "${missing[@]}"
}

# need_program PROGRAM PACKAGE WHY: install the package only when nothing of
# that name is there, wherever it came from.
need_program() {
	have "$1" || need_packages "$3" "$2"
}
