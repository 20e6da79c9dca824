# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Which QEMU runs guests, and how it is started. To be sourced, after suites.sh.

# The first version whose emulation of several CPUs in parallel survives a
# kernel that patches its own code (static keys, tracepoints, ftrace). Older
# ones keep translations of breakpoints that are gone: "Oops: int3", or a hang,
# within seconds of toggling one static key.
SOUND_QEMU=8.1

qemu_is_sound() {
	local version
	version=$("$1" --version 2>/dev/null | sed -n 's/.*version \([0-9.]*\).*/\1/p')
	[ -n "$version" ] &&
		[ "$(printf '%s\n' "$SOUND_QEMU" "$version" | sort -V | head -n 1)" = "$SOUND_QEMU" ]
}

# choose_qemu VMLINUZ: sets QEMU_PROGRAM and ACCEL. A /dev/kvm is not enough to
# use it: there are paravirtual ones on which stock kernels hang. So: a driver
# that we know, and a guest that came up.
choose_qemu() {
	if [ -d /sys/module/kvm_intel ] || [ -d /sys/module/kvm_amd ]; then
		need_program qemu-system-x86_64 qemu-system-x86 'to run guests'
		QEMU_PROGRAM=(qemu-system-x86_64)
		ACCEL=(-accel kvm -cpu host)
		! kvm_works "$1" || return 0
	fi
	choose_emulator
}

kvm_works() {
	local answer
	[ -r /dev/kvm ] && [ -w /dev/kvm ] || return
	answer="$CACHE/kvm.$(cat /proc/sys/kernel/random/boot_id)"
	[ -e "$answer" ] || probe_kvm "$1" >"$answer"
	[ "$(cat "$answer")" = yes ]
}

# Without a root file system a kernel that works panics within a second or two,
# and reboots, which -no-reboot makes an end.
probe_kvm() {
	if timeout -k 1 20 "${QEMU_PROGRAM[@]}" "${ACCEL[@]}" -smp 2 -m 512M \
		-nodefaults -display none -no-reboot -kernel "$1" \
		-append 'panic=-1 quiet' </dev/null >/dev/null 2>&1; then
		echo yes
	else
		echo no
	fi
}

# Without five-level page tables: while Linux (7.2, say) identifies its boot CPU
# it forgets for a moment that it uses them, and KASAN then takes what an
# interrupt touches for wild accesses. Emulation makes that moment a long one.
#
# Without fast string instructions, which are fast in a processor only: QEMU moves a
# byte at a time, where the kernel would do eight if it did not think these faster.
choose_emulator() {
	ACCEL=(-accel 'tcg,thread=multi' -cpu 'max,-la57,-erms,-fsrm')
	QEMU_PROGRAM=(qemu-system-x86_64)
	! qemu_is_sound "${QEMU_PROGRAM[0]}" || return 0
	! backported_qemu || return 0
	need_program qemu-system-x86_64 qemu-system-x86 'to run guests'
	! qemu_is_sound "${QEMU_PROGRAM[0]}" || return 0
	say "this QEMU is older than $SOUND_QEMU: guests run one CPU at a time"
	# Without cx16, around which QEMU 7.2 corrupts flags.
	ACCEL=(-accel 'tcg,thread=single' -cpu 'max,-la57,-erms,-fsrm,-cx16')
}

# Debian 12 has a newer QEMU in its backports. It is used out of the cache, like
# kernels are.
backported_qemu() {
	local dir="$CACHE/qemu"
	[ "$(distribution)" = 'debian bookworm' ] || return
	[ -e "$dir/complete" ] || with_lock qemu fetch_qemu "$dir" || return
	QEMU_PROGRAM=("$dir/usr/bin/qemu-system-x86_64" -L "$dir/usr/share/seabios"
		-L "$dir/usr/share/qemu")
	qemu_is_sound "${QEMU_PROGRAM[0]}" && return
	QEMU_PROGRAM=(qemu-system-x86_64)
	return 1
}

fetch_qemu() {
	local dir=$1 suite=bookworm-backports libraries
	[ ! -e "$dir/complete" ] || return 0
	use_suite "$suite"
	refresh_suite "$suite" || return
	mapfile -t libraries < <(package_depends qemu-system-x86 | grep ^lib)
	need_packages 'to run guests' "${libraries[@]}" || return
	rm -rf "$dir"
	download_packages "$dir/packages" "$suite" \
		qemu-system-x86 qemu-system-common qemu-system-data seabios &&
		busy "unpacking QEMU" unpack_packages "$dir" &&
		touch "$dir/complete"
}

# port NUMBER NAME FILE: a virtio serial port of the guest that ends in a file.
# A file never makes QEMU wait, and so never the guest: its driver spins with
# interrupts off until a write is taken.
port() {
	QEMU+=(-chardev "file,id=$2,path=$3"
		-device "virtserialport,nr=$1,chardev=$2,name=$2")
}

# qemu_command VMLINUZ INITRAMFS FOLDER APPEND: the command in QEMU=(...). Log
# and ports become files in FOLDER.
qemu_command() {
	local vmlinuz=$1 initramfs=$2 folder=$3 append=$4
	QEMU=("${QEMU_PROGRAM[@]}" "${ACCEL[@]}" -smp "$CPUS" -m "$MEMORY"
		-nodefaults -display none -no-reboot
		-kernel "$vmlinuz" -initrd "$initramfs" -append "$append"
		-chardev "file,id=console,path=$folder/log" -serial chardev:console
		-device virtio-serial-pci)
	port 1 control "$folder/control"
	port 2 stdout "$folder/stdout"
	port 3 stderr "$folder/stderr"
	port 4 fetched "$folder/fetched"
}
