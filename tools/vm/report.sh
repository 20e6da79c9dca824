# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What a guest's kernel log says that it should not. To be sourced.

# Head lines of reports, as extended regular expressions. They match right
# behind the time stamp, so that a message which mentions one is not taken for
# one. (A WARN, lockdep, RCU's and KCSAN's reports all begin with one of the
# first two.)
REPORT_HEADS=(
	'WARNING: '
	'BUG: '
	'BUG [^ ]+ \('				# SLUB's consistency checks
	'kernel BUG at '
	'Kernel panic'
	'Oops'
	'(Oops: )?general protection fault[,:]'
	'(divide error|invalid opcode|double fault|int3|stack segment): '
	'UBSAN: '
	'ODEBUG: '
	'refcount_t: '
	'[a-z]*list_[a-z_]+ corruption'
	'slab error in '
	'page_table_check: '
	'INFO: task .* blocked for more than '
	'(rcu: )?INFO: rcu_.*detected '		# RCU stalls
	'INFO: (trying to register|possible|inconsistent|suspicious) '
	'watchdog: BUG'
	'(NMI )?watchdog: .*hard LOCKUP'
	'.*: page allocation failure: '
	'unchecked MSR access'
)

# Empty the head lines of KCSAN's reports that our module has no part in: the
# kernel has data races of its own. It has a part in one if it made one of the
# accesses, itself or through a function or two of the kernel's: what is further
# up, or under an interrupt, only happened to be there. Nor is a race with the clock
# of who only asks what time it is, nor one that io_uring has with itself about a request
# of its own that we complete. A report ends with a line of "=".
without_foreign_races() {
	awk '
		function flush() {
			for (i = 1; i <= n; i++)
				print i == head && !ours ? "" : line[i]
			n = head = ours = theirs = 0
			frames = 9
		}
		/ BUG: KCSAN: / {
			flush()
			head = 1
			theirs = / (timekeeping_|update_fast_timekeeper)/ ||
				/ data-race in _*io_[a-z_]+ \/ _*io_[a-z_]+$/
		}
		head { line[++n] = $0 }
		head && /(read|write|race|assert)[^:]* 0x[0-9a-f]+ of / { frames = 0; next }
		head && frames < 3 && / \[docstore\]/ { ours = !theirs }
		head && / asm_/ { frames = 9 }
		head { frames++ }
		head && / =====+$/ { flush(); next }
		!head
		END { flush() }' "$1"
}

# report_lines LOG ALLOWED: head lines of the reports in a log, as "N:line".
report_lines() {
	local log=$1 allowed=${2:-} heads
	heads=$(printf '|%s' "${REPORT_HEADS[@]}")
	without_foreign_races "$log" |
		grep -nE "^\[ *[0-9]+\.[0-9]+\](\[ *[TC][0-9]+\])? (${heads#|})" |
		if [ -n "$allowed" ]; then grep -vE -e "$allowed"; else cat; fi
}

# show_report LOG ALLOWED: the first report with what surrounds it, then the
# heads of all others. Fails when there is none.
show_report() {
	local log=$1 heads line first
	heads=$(report_lines "$log" "${2:-}") || true
	[ -n "$heads" ] || return
	line=${heads%%:*}
	first=$((line > 4 ? line - 4 : 1))
	sed -n "$first,$((line + 70))p" "$log"
	if [ "$(wc -l <<<"$heads")" -gt 1 ]; then
		printf '%s\n' '[...] all reports, with line numbers of the log:' "$heads"
	fi
}
