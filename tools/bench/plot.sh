# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Plots of results. To be sourced.

# select_results FILTER FIELD: "system FIELD median min max" of all that FILTER
# lets through, for systems where FIELD takes two values at least. Of results of
# equal circumstances, the last one counts.
select_results() {
	jq -rs "
		map(select(.type == \"result\" and ($1))) |
		group_by(.system) | map(group_by(.$2) | map(last) |
			select(length > 1)) | flatten | .[] |
		[.system, .$2, .median, .min, .max] | @tsv" "$RESULTS"
}

# plot_lines NAME TITLE XLABEL YLABEL FILTER FIELD: a line for each system, in
# logarithmic scales, with minimum and maximum.
plot_lines() {
	local name=$1 title=$2 xlabel=$3 ylabel=$4 data="$OUT/$1.tsv" systems
	select_results "$5" "$6" >"$data"
	if [ ! -s "$data" ]; then
		rm "$data"
		return 0
	fi
	systems=$(cut -f 1 "$data" | sort -u | tr '\n' ' ')
	gnuplot <<-EOT
		set terminal svg size 800,500 background "white"
		set output "$OUT/$name.svg"
		set title "$title"
		set xlabel "$xlabel"
		set ylabel "$ylabel"
		set logscale xy
		set grid
		set key outside right
		set datafile separator "\t"
		systems = "$systems"
		plot for [s in systems] "$data" \
			using (strcol(1) eq s ? \$2 : NaN):3:4:5 \
			with yerrorlines title s noenhanced
	EOT
	PLOTS+=("$name.svg")
}

# plot_bars NAME TITLE FILTER: a bar for each system and value of FIELD.
plot_bars() {
	local name=$1 title=$2 filter=$3 data="$OUT/$1.tsv"
	jq -rs "map(select(.type == \"result\" and .metric == \"ns_per_op\" and ($filter))) |
		group_by(.system) | map(last) | sort_by(.median) | .[] |
		[.system, .median, .min, .max] | @tsv" "$RESULTS" >"$data"
	if [ ! -s "$data" ]; then
		rm "$data"
		return 0
	fi
	gnuplot <<-EOT
		set terminal svg size 800,400 background "white"
		set output "$OUT/$name.svg"
		set title "$title"
		set ylabel "ns for each document"
		set logscale y
		set grid y
		set style fill solid 0.6
		set yrange [1:*]
		set xtics rotate by -35 noenhanced
		set datafile separator "\t"
		set rmargin 10
		set bmargin 7
		unset key
		plot "$data" using 0:2:3:4:(0.7):xticlabels(1) with boxerrorbars
	EOT
	PLOTS+=("$name.svg")
}

plot_all() {
	local one='.threads == 1 and .processes == 1 and .writer == "0"'
	local uniform='.distribution == "uniform"' ns='.metric == "ns_per_op"'
	local main workload batch
	PLOTS=()
	# The set of documents that most was measured on.
	main=$(jq -rs 'map(select(.type == "result" and .workload == "get")) |
		group_by([.documents, .value_bytes]) | max_by(length) // [{}] | .[0] |
		".documents == \(.documents) and .value_bytes == \(.value_bytes)"' "$RESULTS")
	for workload in get get-dependent put; do
		plot_bars "$workload" "$workload, uniform, one thread" \
			".workload == \"$workload\" and $uniform and $one and $main"
	done
	for batch in 16 100; do
		for workload in get-many put-many; do
			plot_bars "$workload-$batch" "$workload of $batch, uniform, one thread" \
				".workload == \"$workload\" and .batch == $batch and
				$uniform and $one and $main"
		done
	done
	for workload in get-many put-many; do
		plot_lines "$workload-by-batch" "$workload, uniform, one thread" \
			'documents in a batch' 'ns for each document' \
			".workload == \"$workload\" and $ns and $uniform and $one and $main" batch
	done
	for workload in get put; do
		plot_lines "$workload-by-documents" "$workload, uniform, one thread" \
			documents 'ns for each document' \
			".workload == \"$workload\" and $ns and $uniform and $one and
			.value_bytes == 100" documents
		plot_lines "$workload-by-value" "$workload, uniform, one thread" \
			'bytes of a value' 'ns for each document' \
			".workload == \"$workload\" and $ns and $uniform and $one" value_bytes
		plot_lines "$workload-by-threads" "$workload, uniform" threads \
			'operations a second' ".workload == \"$workload\" and $uniform and
			.metric == \"ops_per_s\" and .processes == 1 and .writer == \"0\"
			and $main" threads
		plot_lines "$workload-by-processes" "$workload, uniform" processes \
			'operations a second' ".workload == \"$workload\" and $uniform and
			.metric == \"ops_per_s\" and .threads == 1 and .writer == \"0\"
			and $main" processes
	done
	plot_lines load-by-documents 'the slowest batch while filling' documents \
		'ns for a batch of 100' '.metric == "batch_max" and .value_bytes == 100' \
		documents
}
