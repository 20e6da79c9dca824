# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# How QEMU is started. To be sourced, after common.sh.

# Emulation. Without cx16: QEMU 7.2 corrupts flags around cmpxchg16b, and Linux
# 6.12 then fails to boot now and then.
emulation() {
	ACCEL=(-accel 'tcg,thread=multi' -cpu 'max,-cx16')
}

# A /dev/kvm is not enough: there are paravirtual ones on which stock kernels
# hang. So: a driver that we know, and a guest that came up.
choose_acceleration() {
	local vmlinuz=$1 answer
	emulation
	[ -d /sys/module/kvm_intel ] || [ -d /sys/module/kvm_amd ] || return 0
	[ -r /dev/kvm ] && [ -w /dev/kvm ] || return 0
	answer="$CACHE/kvm.$(uname -r).$(cat /proc/sys/kernel/random/boot_id)"
	[ -e "$answer" ] || probe_kvm "$vmlinuz" >"$answer"
	[ "$(cat "$answer")" = yes ] || return 0
	ACCEL=(-accel kvm -cpu host)
}

# Without a root file system a kernel that works panics within a second or two,
# and reboots, which -no-reboot makes an end.
probe_kvm() {
	if timeout -k 1 20 qemu-system-x86_64 -accel kvm -cpu host -smp 2 -m 512M \
		-nodefaults -display none -no-reboot -kernel "$1" \
		-append 'panic=-1 quiet' </dev/null >/dev/null 2>&1; then
		echo yes
	else
		echo no
	fi
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
	QEMU=(qemu-system-x86_64 "${ACCEL[@]}" -smp "$CPUS" -m "$MEMORY"
		-nodefaults -display none -no-reboot
		-kernel "$vmlinuz" -initrd "$initramfs" -append "$append"
		-chardev "file,id=console,path=$folder/log" -serial chardev:console
		-device virtio-serial-pci)
	port 1 control "$folder/control"
	port 2 stdout "$folder/stdout"
	port 3 stderr "$folder/stderr"
	port 4 fetched "$folder/fetched"
}
