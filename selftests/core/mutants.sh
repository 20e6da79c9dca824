#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Do the tests notice a broken engine, or a broken reader of the mapping? Each mutant
# is module/core, or what reads in tools/lib, with one fault; the tests named beside it must
# fail.
#
#	./mutants.sh [name]...
#
# A mutant: name, file, sed script, build, tests.

cd "$(dirname "$0")" || exit 1
work=build/mutants
mutants=()

mutant() {
	mutants+=("$1"$'\t'"$2"$'\t'"$3"$'\t'"$4"$'\t'"$5")
}

# Order between the owner and readers.
mutant link-release index.c \
	'/^void ds_index_link/,/^}/s/smp_store_release(&slot->bucket->ref\[slot->i\], ref)/WRITE_ONCE(slot->bucket->ref[slot->i], ref)/' \
	tsan "step thread.readers"
mutant move-release index.c \
	'/^static void ds_slot_move/,/^}/s/smp_store_release(&to->bucket->ref\[to->i\], /WRITE_ONCE(to->bucket->ref[to->i], /' \
	tsan "step thread.growth"
mutant lookup-acquire index.c \
	'/ds_bucket_lookup(const/,/^}/s/smp_load_acquire(&bucket->ref/READ_ONCE(bucket->ref/;s/READ_ONCE(bucket->ref\[i\])$/&/' \
	tsan "step thread.readers"
mutant overflow-release index.c \
	's/smp_store_release(&last->next, ref)/WRITE_ONCE(last->next, ref)/' \
	tsan "step thread.readers"
mutant buckets-release index.c \
	's/smp_store_release(&map->buckets, number + 1)/WRITE_ONCE(map->buckets, number + 1)/' \
	tsan "step thread.growth"
mutant moves-unchecked-lookup index.c \
	'/^ds_index_lookup\|^const struct docstore_version \*ds_index_lookup/,/^}/s/if (!(moves & 1).*/if (moves | 1)/' \
	plain "step thread.readers"
mutant moves-unchecked-scan index.c \
	'/^void ds_index_scan/,/^}/s/if (!(moves & 1).*/if (moves | 1)/' \
	plain "step thread.readers"
mutant moves-after-buckets index.c \
	'/^static void ds_index_move_begin/,/^}/s/WRITE_ONCE(index->map->moves, .*/(void)index;/;/^static void ds_index_move_end/,/^}/s/moves + 1)/moves + 2)/' \
	plain "step thread.readers"

# Memory used again too early.
mutant grace-reclaim retire.c \
	'/^bool ds_arena_reclaim/,/^}/s/if (!poll_state.*/if (!list)/' \
	asan "arena partition thread.readers"
mutant grace-tombstones partition.c \
	's/if (!poll_state_synchronize_rcu(dying->cookie))/if (!dying)/' \
	plain "partition thread.readers"
mutant era-unchanged retire.c \
	's/smp_store_release(&map->era, era + 2)/(void)map/' \
	plain "arena thread.mapped_readers"
mutant slot-in-same-era partition.c \
	's/ds_arena_pass_era(&p->arena, dying->era)/(void)dying/' \
	plain "partition"
mutant retire-is-free partition.c \
	's/ds_arena_retire(&p->arena, old_ref, old->size)/ds_arena_free(\&p->arena, old_ref)/' \
	asan "partition random thread.readers"
mutant settle-in-commit partition.c \
	'/^static void ds_partition_link/,/^}/s/ds_arena_retire(&p->arena, old_ref, old->size);/&ds_arena_settle(\&p->arena, true);/' \
	plain "partition random thread.readers"

# Publication.
mutant visible-early partition.c \
	'/^void ds_partition_begin/,/^}/s/p->linked = false;/&smp_store_release(\&p->map->visible_seq, p->seq);/' \
	plain "partition random"
mutant prev-lost partition.c \
	's/v->prev = old->prev;/v->prev = 0;/' \
	plain "partition random"
mutant tombstone-not-listed partition.c \
	's/ds_tombstones_add(p, &p->buried, change->ref);/;/' \
	plain "partition random"
mutant floor-forgotten partition.c \
	's/p->floor = max(p->floor, v->version)/p->floor = v->version/' \
	plain "partition random"
mutant undo-leaks partition.c \
	'/^static void ds_change_undo/,/^}/s/if (change->ref)/if (0)/' \
	plain "refusal random"
mutant undo-keeps-slot partition.c \
	'/^static void ds_change_undo/,/^}/s/if (change->reserved)/if (0)/' \
	plain "refusal random"
mutant nomem-keeps-results partition.c \
	's/ds_change_clear(change);/;/' \
	plain "refusal random"
mutant done-twice partition.c \
	'/^static void ds_partition_apply_each/,/^}/s/if (change->state == DS_CHANGE_DONE)/if (0)/' \
	plain "refusal random"

# The index.
mutant trim-never index.c \
	'/^static void ds_bucket_trim/,/^}/s/while ((ref = bucket->next))/while ((ref = 0))/' \
	plain index
mutant split-wrong-bit index.c \
	's/bit = 1U << ilog2(number);/bit = 2U << ilog2(number);/' \
	plain index
mutant last-position index.c \
	's/number + (1U << (bits - 1)) >= buckets/number + (1U << (bits - 1)) > buckets/' \
	plain index
mutant scan-drops index.c \
	'/^static void ds_scan_add/,/^}/s/scan->last = position - 1/scan->last = position/' \
	plain index

# Documents and the arena.
mutant wide-off-by-one document.c \
	's/b->value_bytes > U16_MAX/b->value_bytes >= U16_MAX/' \
	plain document
mutant age-unclamped document.c \
	's/min_t(u64, b->version - p->set, U32_MAX)/b->version - p->set/' \
	plain document
mutant touch-forgets-set document.c \
	'/^static int ds_apply_touch/,/^}/s/if (b->props\[i\].set == b->version)/if (0)/' \
	plain document
mutant copy-prev document.c \
	's/head->prev = 0;//' \
	plain document
mutant class-rounds-down arena.c \
	'/^static u32 ds_class_of/,/^}/s/DIV_ROUND_UP(units, 1U << doubling)/(units >> doubling)/' \
	plain arena
mutant reserve-ignored arena.c \
	's/arena->free_pages < pages + DS_ARENA_RESERVE/arena->free_pages < pages/' \
	plain "arena partition"
mutant reserve-eaten arena.c \
	's/if (!urgent && arena->free_pages < DS_ARENA_RESERVE && .*/if (0) {/' \
	plain partition
mutant idle-flutter arena.c \
	'/^static void ds_arena_give_span/,/^}/s/if (!arena->idle_chunks)/if (0)/' \
	plain arena

mutant retired-more-lost retire.c \
	's/u32 ref = list->more, i;/u32 ref = 0, i;/' \
	plain "arena"
mutant retired-more-kept retire.c \
	's/list->more = 0;//' \
	plain "arena"
mutant retired-noted-twice retire.c \
	's/if (open->count < DS_RETIRED_NOTED)/if (open->count <= DS_RETIRED_NOTED)/' \
	asan "arena"
mutant spares-unbounded arena.c \
	'/^static bool ds_spares_room/,/^}/s/&& spares->bytes.*/;/;' \
	plain "arena"
mutant spares-starve arena.c \
	'/^static bool ds_spares_make_room/,/^}/s/if (++tries == DS_CLASSES)/if (1)/' \
	plain "arena"
mutant spares-when-short arena.c \
	'/^static bool ds_spare_put/,/^}/s/ds_arena_short(arena) || //' \
	plain "arena"
mutant spares-never-dropped arena.c \
	'/^static bool ds_spares_drop/,/^}/s/if (!arena->spares.bytes)/if (1)/' \
	plain "arena"

# The library's reader of the mapping.
mutant map-era-unchecked lib/map_look.h \
	'/^static hot bool look_valid/,/^}/s/return load.*/return true;/' \
	plain "map step thread.mapped_readers"
mutant map-era-too-strict lib/map_look.h \
	'/^static hot bool look_valid/,/^}/s/<= 1;/< 1;/' \
	plain "map"
mutant map-era-too-lax lib/map_look.h \
	'/^static hot bool look_valid/,/^}/s/<= 1;/<= 2;/' \
	plain "map step thread.mapped_readers"
mutant map-moves-unchecked lib/map.c \
	'/^static int look(/,/^}/s/return moves & 1 ||.*/return -ENOENT;/' \
	plain "map step thread.mapped_readers"
mutant map-moves-odd lib/map.c \
	'/^static int look(/,/^}/s/return moves & 1 ||/return/' \
	plain "map"
mutant map-moves-same lib/map.c \
	'/^static int look(/,/^}/s/moves & 1 || load.*moves ?/moves \& 1 ?/' \
	plain "step"
mutant map-limit-unchecked lib/map.c \
	'/^static uint32_t units_of(/,/^}/s/return ref > .*/return l->limit - ref;/' \
	plain "map"
mutant map-limit-unchecked-at-once lib/map_look.h \
	's/if (rare((uint64_t)ref + UNITS(AT_ONCE) > limit))/if (0)/' \
	plain "map"
mutant map-size-unchecked lib/map.c \
	's/view->size <= (uint64_t)units << DOCSTORE_MAP_UNIT_SHIFT/units/' \
	plain "map"
mutant map-size-unchecked-at-once lib/map_look.h \
	's/if (rare(view->size > AT_ONCE && (uint64_t)ref.*/if (0)/' \
	plain "map"
mutant map-id-unchecked lib/map_look.h \
	's/ && at + id->len <= view->size &&/ \&\&/' \
	plain "map"
mutant map-fifth-slot lib/map_look.h \
	's/_mm_castsi128_ps(last)) & 8;/_mm_castsi128_ps(last)) \& 4;/' \
	plain "map step"
mutant map-visible-ignored lib/map.c \
	's/while (view->seq > l->seq)/while (0)/' \
	plain "step thread.mapped_readers"
mutant map-visible-ignored-at-once lib/map_look.h \
	's/ || view->seq > l->seq ||/ ||/' \
	plain "step thread.mapped_readers"
mutant map-tombstone-ignored lib/map.c \
	's/return view->flags & DOCSTORE_VERSION_TOMBSTONE ? -ENOENT : 0;/return 0;/' \
	plain "step thread.mapped_readers"
mutant map-tombstone-ignored-at-once lib/map_look.h \
	's/view->flags & DOCSTORE_VERSION_TOMBSTONE))/0))/' \
	plain "step thread.mapped_readers"
mutant map-circle lib/map.c \
	'/^static bool look_step/,/^}/s/return .*/return true;/' \
	plain "map"
mutant hash-tail lib/hash.h \
	's/_mm_cvtsi64_si128((long long)last)/_mm_cvtsi32_si128((int)last)/' \
	plain "map"

make -s all || exit 1
missed=0 number=0
wanted=" $* "
for m in "${mutants[@]}"; do
	IFS=$'\t' read -r name file script build tests <<< "$m"
	[ "$wanted" = "  " ] || [[ $wanted == *" $name "* ]] || continue
	number=$((number + 1))
	rm -rf "${work:?}/core" "${work:?}/${build:?}"
	mkdir -p "$work/core" "$work/lib"
	cp ../../module/core/*.[ch] "$work/core/"
	cp ../../tools/lib/map.c ../../tools/lib/{map,map_look,hash}.h "$work/lib/"
	case $file in
	lib/*)	copy=$work/$file from=../../tools/$file ;;
	*)	copy=$work/core/$file from=../../module/core/$file ;;
	esac
	sed -i "$script" "$copy"
	if cmp -s "$copy" "$from"; then
		echo "not ok $number - $name # the fault no longer applies"
		missed=$((missed + 1))
		continue
	fi
	if ! make -s CORE="$work/core" LIB="$work/lib" BUILD="$work" "$work/$build/core_test" \
	     >"$work/log" 2>&1; then
		echo "not ok $number - $name # does not compile"
		missed=$((missed + 1))
		continue
	fi
	# shellcheck disable=SC2086
	# Let the scheduler in often: the windows are small.
	if TEST_TIMEOUT=60 JITTER="${JITTER:-20}" SECONDS="${SECONDS_EACH:-6}" STEPS="${STEPS:-20000}" \
	   "$work/$build/core_test" $tests >"$work/log" 2>&1; then
		echo "not ok $number - $name # nobody noticed"
		missed=$((missed + 1))
	else
		echo "ok $number - $name # $(grep -m 1 '^not ok' "$work/log" |
			sed 's/^not ok [0-9]* - //; s/ #.*//'): $(grep -m 1 \
			-e '^# [^ ]*:[0-9]*:' -e 'WARNING: Thread' -e 'ERROR: Address' \
			-e 'runtime error' -e 'killed by' "$work/log" | cut -c 1-90)"
	fi
done
echo "1..$number"
[ $missed -eq 0 ]
