# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What tools/bench/run measures, as lines of arguments for bench. Each line fills
# the systems anew. To be sourced.

# shellcheck disable=SC2034 # used by those who source this

CONTROLS=none,getppid,hash,memory,memory-huge
ENGINE=native,native-huge,native-rwlock-record,native-rwlock-batch
MODULE=docstore,docstore-ioctl
LOCAL=mutex,mutex-huge,lfht,lfht-huge,lmdb,lmdb-txn,lmdb-nowritemap,bpf
SERVERS=redis,redis-near,redis-far,memcached,memcached-near,memcached-far
# One of each kind, for where all variants would take too long.
FEW=mutex,lfht,lmdb,bpf,redis-near,memcached-near

# Only those that were built: "native" may not have been.
built() {
	local name known=() list
	list=$("$REPO/tools/bench/bench" --list | sed -n '/^workloads/q; s/^  \([^ ]*\) .*/\1/p')
	for name in ${1//,/ }; do
		! grep -qxF "$name" <<<"$list" || known+=("$name")
	done
	(IFS=, && echo "${known[*]}")
}

# Powers of two up to the processors, and twice that: more than fit.
workers() {
	local n list=1 cpus=$1
	for ((n = 2; n <= 2 * cpus && n <= 32; n *= 2)); do
		list+=",$n"
	done
	echo "$list"
}

quick_plan() {
	local systems=$1 documents=$2
	echo "--system $systems --documents $documents --runs 3 --run-ms 30" \
		"--workload load,get,get-dependent,get-many,put,put-many" \
		"--batch 16,100"
}

# full_plan SYSTEMS FEW DOCUMENTS CPUS: sizes follow from the number of documents.
full_plan() {
	local all=$1 few=$2 documents=$3 cpus=$4 n bytes
	local length='--runs 11 --run-ms 100'
	echo "--system $all --documents $documents $length --distribution uniform,zipf" \
		"--workload load,get,get-dependent,get-many,put,put-many --batch 16,100"
	echo "--system $few --documents $documents $length --distribution uniform,zipf" \
		"--workload ycsb-a,ycsb-b,ycsb-c,ycsb-d,ycsb-e,ycsb-f"
	echo "--system $few --documents $documents $length --writer 0,1,control" \
		"--distribution uniform,zipf --workload get,get-many"
	echo "--system $few --documents $documents $length --writer 0,1,control" \
		"--writer-batch 100 --workload get,get-many"
	echo "--system $few --documents $documents $length --workload get-many,put-many" \
		"--batch 1,4,16,64,256,1000"
	echo "--system $few --documents $documents $length --workload get,put,get-many" \
		"--threads $(workers "$cpus")"
	echo "--system $few --documents $documents $length --workload get,put,get-many" \
		"--processes $(workers "$cpus")"
	# Two that share a store, against two that share but the machine.
	echo "--system $few --documents $documents $length --workload get,get-many,put,put-many" \
		"--batch 16,100 --processes 1,2 --writer 0,twin"
	for n in $((documents / 100)) $((documents / 10)); do
		echo "--system $few --documents $n $length" \
			"--workload load,get,get-many,put,put-many"
	done
	for bytes in 16 1024 16384; do
		n=$((documents * 200 / bytes))
		echo "--system $few --value-bytes $bytes $length" \
			"--documents $((n < documents ? n : documents))" \
			"--workload load,get,get-many,put,put-many"
	done
	large_plan "$few" $((documents * 10)) "$length"
}

# What one system takes for a document, at most.
DOCUMENT_BYTES=300

# Ten times as many fill the memory: two systems at a time, beside the baseline.
large_plan() {
	local systems documents=$2 length=$3 first i available
	available=$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo)
	if [ $((documents * DOCUMENT_BYTES * 3 / 1024)) -gt "$available" ]; then
		say "SKIP: $documents documents: there is not enough memory"
		return 0
	fi
	IFS=, read -ra systems <<<"$1"
	first=${systems[0]}
	for ((i = 1; i < ${#systems[@]}; i += 2)); do
		echo "--system $first,${systems[*]:i:1}${systems[i + 1]:+,${systems[i + 1]}}" \
			"--documents $documents $length --loads 3" \
			"--workload load,get,get-many,put,put-many"
	done
}
