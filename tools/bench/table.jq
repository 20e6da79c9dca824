# SPDX-License-Identifier: GPL-2.0
#
# Results of bench (JSON Lines, slurped) as tables, one for each workload and its
# circumstances. $baseline is the system that others are compared with.

def what: "\(.workload) \(.distribution), \(.documents) documents of " +
	"\(.value_bytes) bytes, batch \(.batch), " +
	"\(.processes) x \(.threads) threads, writer \(.writer)";

def figure: if . == null then "-"
	elif . >= 100000 or . == floor then (. | round | tostring)
	elif . >= 100 then (. * 10 | round / 10 | tostring)
	elif . >= 0.001 or . == 0 then (. * 1000 | round / 1000 | tostring)
	else "\(. * 1e9 | round / 1000)e-6" end;

# Of what ought not to happen, the worst is told.
def other: if .unit == "1/op" then "\(.metric)<=\(.max | figure)"
	else "\(.metric)=\(.median | figure)" end;

def of($metric): map(select(.metric == $metric)) | first;

map(select(.type == "result")) as $results |
# In the order in which they were measured.
reduce $results[] as $r ({ order: [], groups: {} };
	($r | what) as $w |
	if .groups[$w] then . else .order += [$w] end |
	.groups[$w] += [$r]) |
. as $all | .order[] as $w |
($w, "  system\tns\tmin\tmax\tper s\tx \($baseline)\tother",
	($all.groups[$w] | group_by(.system) |
		map({ system: .[0].system, ns: of("ns_per_op"), rate: of("ops_per_s"),
			ratio: of("ratio_to_baseline"),
			other: (map(select(.metric as $m | ["ns_per_op", "ops_per_s",
				"ratio_to_baseline"] | index($m) | not) |
				select(.max != 0) | other) | join(" ")) }) |
		sort_by(.ns.median // 0) | .[] |
		"  \(.system)\t\(.ns.median | figure)\t\(.ns.min | figure)" +
		"\t\(.ns.max | figure)\t\(.rate.median | figure)" +
		"\t\(.ratio.median | figure)\t\(.other)"),
	"")
