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
	'/^static bool ds_arena_reuse_first/,/^}/s/ || !poll_state_synchronize_rcu(list->cookie)//' \
	asan "arena partition thread.readers"
mutant grace-tombstones partition.c \
	's/if (!poll_state_synchronize_rcu(dying->cookie) ||/if (!dying ||/' \
	plain "partition thread.readers"
mutant era-unchanged retire.c \
	's/smp_store_release(&map->era, passed)/(void)map/' \
	plain "arena thread.mapped_readers"
mutant era-not-closed retire.c \
	's/smp_store_release(&arena->map->era, list->era + 1)/(void)list/' \
	plain "arena"
mutant era-one-short retire.c \
	's/passed = era + DOCSTORE_MAP_ERAS + 1/passed = era + DOCSTORE_MAP_ERAS/' \
	plain "arena thread.mapped_readers"
mutant era-noted-early retire.c \
	's/list->era = arena->map->era;/list->era = arena->map->era - 1;/' \
	plain "arena"
mutant era-in-no-hurry retire.c \
	's/if (!hurry)$/if (0)/' \
	plain "arena partition"
mutant slot-in-same-era partition.c \
	's/!ds_arena_pass_era(&p->arena, dying->era, hurry)/!dying/' \
	plain "partition"
mutant retire-is-free partition.c \
	's/ds_arena_retire(&p->arena, old_ref, old->size)/ds_arena_free(\&p->arena, old_ref)/' \
	asan "partition random thread.readers"
mutant superseded-is-free partition.c \
	'/^static void ds_partition_supersede/,/^}/s/ds_arena_retire(&p->arena, ref, old->size)/ds_arena_free(\&p->arena, ref)/' \
	asan "partition random thread.readers"
mutant retire-in-commit partition.c \
	'/^static void ds_partition_link/,/^}/{/if (never)$/{N;s/if (never)\n\t*\(ds_arena_retire.*\)/{ \1 ds_arena_settle(\&p->arena, true); }/}};/^static void ds_partition_supersede/,/^}/s/ds_arena_retire(.*/;/' \
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
mutant floor-forgotten past.c \
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

# Pins: what is needed, and where it goes.
mutant pins-before-publication partition.c \
	's/^void ds_partition_begin/static __thread const struct ds_pins *early;\n&/;/^void ds_partition_begin/,/^}/s/p->linked = false;/&early = rcu_dereference(p->past->pins);/;/^void ds_partition_settle/,/^}/s/pins = .*/pins = early;/' \
	plain "past"
mutant pin-pending-ignored past.c \
	'/^struct ds_pin \*ds_pins_keeper/,/^}/s/if (ds_pin_pending(pin))/if (0)/' \
	plain "past"
mutant pin-released-keeps past.c \
	'/^struct ds_pin \*ds_pins_keeper/,/^}/s/ds_pin_released(pin) || //' \
	plain "past.keeps_one"
mutant pin-needs-later past.c \
	's/list\[number\].seq >= until/list[number].seq > until/' \
	plain "moment"
mutant pin-needs-earlier past.c \
	's/list\[number\].seq >= from ?/list[number].seq > from ?/' \
	plain "past"
mutant pin-oldest-keeps past.c \
	'/^struct ds_pin \*ds_pins_keeper/,/^}/s/pins->pin\[i\]/pins->pin[pins->count - 1 - i]/' \
	plain "past"
mutant pin-list-not-moved past.c \
	'/^static void ds_past_pass_on/,/^}/s/if (keeper) {/if (0) {/' \
	plain "past"
mutant pin-skipped-stays-linked past.c \
	'/^static void ds_past_pass_on/,/^}/s/smp_store_release(&next->prev, .*/;/' \
	plain "past"
mutant superseded-stays-linked partition.c \
	'/^static void ds_partition_supersede/,/^}/s/smp_store_release(&v->prev, .*/;/' \
	plain "past"
mutant superseded-unlinks-all partition.c \
	'/^static void ds_partition_supersede/,/^}/s/smp_store_release(&v->prev, .*/WRITE_ONCE(v->prev, 0);/' \
	plain "past"
mutant superseded-twice partition.c \
	's/if (ds_slot_ref(&change->slot) == change->ref)/if (1)/' \
	plain "past random"
mutant tombstone-kept-twice partition.c \
	'/^static void ds_partition_supersede/,/^}/s/if (!ds_version_tombstone(old))/if (1)/' \
	plain "past"
mutant floor-nowhere past.c \
	'/^u32 ds_pins_before/,/^}/s/return .*/return v->prev;/' \
	plain "past"
mutant floor-at-the-top past.c \
	'/^u32 ds_pins_before/,/^}/s/return .*/return 0;/' \
	plain "past"
mutant successor-below-floor past.c \
	'/^static struct docstore_version \*ds_past_successor/,/^}/s/u64 floor = .*/u64 floor = 0;/' \
	plain "past"
mutant tombstone-dropped past.c \
	'/^static struct ds_pin \*ds_tombstone_keeper/,/^}/s/return .*/return NULL;/' \
	plain "past"
mutant tombstone-kept-for-all past.c \
	'/^static struct ds_pin \*ds_tombstone_keeper/,/^}/s/pins && v->prev ?/pins ?/' \
	plain "past"
mutant list-tail-stays past.c \
	'/^static u32 ds_pin_list_take/,/^}/s/list->tail = 0;/;/' \
	plain "past"
mutant list-emptied-again past.c \
	's/list->emptied = true;/;/' \
	plain "past"
mutant drain-endless past.c \
	's/for (; list->head && work; work--)/for (; list->head; )/' \
	plain "past"
mutant drain-first-pin-only past.c \
	'/^bool ds_partition_drain/,/^}/s/if (more)$/if (1)/' \
	plain "past"
mutant sweep-too-early past.c \
	'/^u32 ds_past_sweep/,/^}/s/if (atomic_read_acquire(&pin->unemptied))/if (!READ_ONCE(pin->released))/' \
	plain "past"
mutant sweep-publishes-none past.c \
	's/pins->count ? pins : NULL/pins->count ? pins : pins/' \
	plain "past"
mutant snapshot-ready-forgotten partition.c \
	's/set |= DOCSTORE_STATE_SNAPSHOT_READY;/;/' \
	plain "moment"
mutant snapshot-ready-stays past.c \
	's/ds_index_flags(slot, DOCSTORE_STATE_SNAPSHOT_READY, 0);/;/' \
	plain "moment"
mutant pinned-sees-next partition.c \
	'/^const struct docstore_version \*ds_partition_visible/,/^}/s/while (v->seq > seq)/while (v->seq > seq + 1)/' \
	plain "past"
mutant current-looks-once partition.c \
	'/^const struct docstore_version \*ds_partition_current/,/^}/{/prev = smp/,/^}/s/if (v->seq > .*/if (1) {/}' \
	plain "moment"

# Moments of a store, and batches that span partitions.
mutant collect-odd-epoch past.c \
	's/return !(epoch & 1) && /return /' \
	plain "past"
mutant collect-epoch-unchecked past.c \
	's/ && READ_ONCE(past->head->epoch) == epoch;/;/' \
	plain "moment"
mutant collect-once past.c \
	'/^static bool ds_past_try/,/^}/s/return false;/continue;/' \
	plain "moment"
mutant span-one-alone span.c \
	'/^void ds_span_publish/,/^}/{s/preempt_disable();/&ds_partition_show(first->partition);/;/smp_wmb/,/^}/s/for (batch = first;/for (batch = first->span;/}' \
	plain "moment span"
mutant span-epoch-even span.c \
	'/^void ds_span_publish/,/^}/{s/WRITE_ONCE(head->epoch.*/;/;s/head->epoch + 1);/head->epoch + 2);/}' \
	plain "moment span"
mutant span-undo-first-only span.c \
	's/ds_span_refuse(first, NULL, false);/ds_span_refuse(first, first->span, false);/' \
	plain "span"
mutant span-undo-last-only span.c \
	's/ds_span_refuse(first, batch->span, true);/ds_span_refuse(batch, batch->span, true);/' \
	plain "span"
mutant span-undo-results span.c \
	's/ds_span_refuse(first, batch->span, true);/ds_span_refuse(first, batch->span, false);/' \
	plain "span"
mutant span-commit-goes-on span.c \
	'/^static void ds_span_refuse/,/^}/s/ds_partition_show(batch->partition);/;/' \
	plain "span"
mutant span-first-refusal span.c \
	's/refused |= batch->refused;/&if (refused) break;/' \
	plain "span"
mutant span-budget-each span.c \
	's/budget = batch->budget;/;/' \
	plain "span"
mutant span-links-first span.c \
	'/^bool ds_span_prepare/,/^}/s/refused |= batch->refused;/&if (!refused) ds_partition_accept(batch->partition, batch);/' \
	plain "span"

# Heat, access patterns, hints.
mutant heat-never-halved heat.c \
	's/heat >>= min_t(u32, elapsed, 31);/;/' \
	plain "heat"
mutant heat-halved-once heat.c \
	's/heat >>= min_t(u32, elapsed, 31);/heat >>= !!elapsed;/' \
	plain "heat"
mutant heat-clock-back heat.c \
	's/return elapsed > U16_MAX - DS_HEAT_BACK ? 0 : elapsed;/return elapsed;/' \
	plain "heat"
mutant heat-unbounded heat.c \
	's/heat = min_t(u32, heat + samples, DOCSTORE_STATE_HEAT_MASK);/heat += samples;/' \
	plain "heat"
mutant heat-without-setting heat.c \
	's/if (!hot) {$/if (0) {/' \
	plain "heat"
mutant heat-setting-kept heat.c \
	's/if (unlikely(hot != p->heat.hot))/if (!p->heat.hot)/' \
	plain "heat"
mutant heat-same-distance heat.c \
	'/^static u32 ds_heat_distance/,/^}/s/return .*/return heat->scale;/' \
	plain "heat"
mutant heat-distance-short heat.c \
	's/% (2 \* heat->scale - 1)/% heat->scale/' \
	plain "heat"
mutant heat-weight-lost heat.c \
	's,samples = 1 + weight / heat->scale;,samples = 1;,' \
	plain "heat"
mutant heat-rest-lost heat.c \
	's/weight %= heat->scale;/weight = 0;/' \
	plain "heat"
mutant heat-decays-unseen heat.c \
	's/if (!elapsed \&\& !samples)/if (!samples)/' \
	plain "heat"
mutant hot-stays heat.c \
	'/^static u32 ds_heat_flag/,/^}/s/if (2 \* heat < p->heat.threshold)/if (0)/' \
	plain "heat"
mutant hot-goes-early heat.c \
	'/^static u32 ds_heat_flag/,/^}/s/if (2 \* heat < p->heat.threshold)/if (1)/' \
	plain "heat"
mutant hot-counted-always heat.c \
	's/if (!(state \& DOCSTORE_STATE_HOT_DOCUMENT))/if (1)/' \
	plain "heat"
mutant pattern-decides-at-once heat.c \
	's/% DS_HEAT_DECIDE ? pattern : sample/% 1 ? pattern : sample/' \
	plain "heat"
mutant pattern-read-is-scan heat.c \
	'/^static u32 ds_pattern_next/,/^}/s/both_read \&\& sample == DOCSTORE_PATTERN_SCAN/both_read/' \
	plain "heat"
mutant pattern-never-mixed heat.c \
	's/return both_read ? sample : DOCSTORE_PATTERN_MIXED;/return sample;/' \
	plain "heat"
mutant gets-unknown partition.c \
	'/^static void ds_partition_build/,/^}/s/ds_heat_use(p, \&change->slot, DS_USE_READ, 1, now);/;/' \
	plain "heat"
mutant changes-unknown partition.c \
	'/^void ds_partition_settle/,/^}/s/ds_heat_use(p, \&change->slot, DS_USE_CHANGE, 1, now);/;/' \
	plain "heat"
mutant hint-bucket-only index.c \
	'/^bool ds_index_find_hash/,/^}/s/if ((ds_slot_hash(.*/if (0)/' \
	plain "heat"
mutant hint-tag-only hints.c \
	's/ds_hint_hash(DS_HINT_WHOSE), \&slot/~0ULL << 32 >> 16 << 16 \& ds_hint_hash(DS_HINT_WHOSE), \&slot/' \
	plain "heat"
mutant hint-not-added hints.c \
	's/weight + (there \& ~DS_HINT_WHOSE), DS_HINT_MAX_WEIGHT/weight, DS_HINT_MAX_WEIGHT/' \
	plain "heat"
mutant hint-overflows hints.c \
	's/weight = min_t(u32, weight + (there \& ~DS_HINT_WHOSE), DS_HINT_MAX_WEIGHT);/weight += there \& ~DS_HINT_WHOSE;/' \
	plain "heat"
mutant hint-not-emptied hints.c \
	's/hint = xchg(&hints->hint\[i\], 0);/;/' \
	plain "heat"
mutant hint-kept-silent hints.c \
	'/^u32 ds_hints_take/,/^}/s/WRITE_ONCE(hints->some, 0);/;/' \
	plain "heat"
mutant hint-silenced-late hints.c \
	'/^u32 ds_hints_take/,/^}/{s/WRITE_ONCE(hints->some, 0);/;/;s/return found;/WRITE_ONCE(hints->some, 0); return found;/}' \
	plain "heat"
mutant hint-not-a-use hints.c \
	's/ds_index_accessed(&slot, 0, now);/;/' \
	plain "heat"

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
	'/^u32 ds_version_head/,/^}/s/\.size = v->size,/& .prev = v->prev,/' \
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
	'/^static hot bool look_valid/,/^}/s/<= DOCSTORE_MAP_ERAS;/< DOCSTORE_MAP_ERAS;/' \
	plain "map"
mutant map-era-too-lax lib/map_look.h \
	'/^static hot bool look_valid/,/^}/s/<= DOCSTORE_MAP_ERAS;/<= DOCSTORE_MAP_ERAS + 1;/' \
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
mutant map-limit-unchecked lib/map_look.h \
	'/^static inline uint32_t units_of(/,/^}/s/return ref > .*/return l->limit - ref;/' \
	plain "map"
mutant map-limit-unchecked-at-once lib/map_look.h \
	's/if (rare((uint64_t)ref + UNITS(AT_ONCE) > limit))/if (0)/' \
	plain "map"
mutant map-size-unchecked lib/map_look.h \
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
	'/^static int version_wanted/,/^}/s/if (view->seq > l->seq)/if (0)/' \
	plain "step together thread.mapped_readers"
mutant map-visible-ignored-at-once lib/map_look.h \
	's/ || view->seq > l->seq ||/ ||/' \
	plain "step thread.mapped_readers"
mutant map-tombstone-ignored lib/map.c \
	's/return view->flags & DOCSTORE_VERSION_TOMBSTONE ? -ENOENT : 0;/return 0;/' \
	plain "step thread.mapped_readers"
mutant map-tombstone-ignored-at-once lib/map_look.h \
	's/view->flags & DOCSTORE_VERSION_TOMBSTONE))/0))/' \
	plain "step thread.mapped_readers"
mutant map-circle lib/map_look.h \
	'/^static inline bool look_step/,/^}/s/return .*/return true;/' \
	plain "map"
mutant map-prev-changed lib/map.c \
	's/LOOK_THEN ? visible != l->seq : visible >= seq/LOOK_THEN \&\& visible != l->seq/' \
	plain "together"
mutant map-then-replaced lib/map.c \
	's/LOOK_THEN ? visible != l->seq : visible >= seq/LOOK_NOW \&\& visible >= seq/' \
	plain "together"
mutant map-moment-epoch-same lib/map.c \
	's/return load(&head->epoch) == epoch;/return true;/' \
	plain "together"
mutant map-moment-epoch-odd lib/map.c \
	's/while ((epoch = load_acquire(&head->epoch)) & 1)/epoch = load_acquire(\&head->epoch); while (0)/' \
	plain "together"
mutant map-moment-era lib/map.c \
	'/^bool ds_map_moment_valid/,/^}/s/if (!look_valid(&l))/if (0)/' \
	plain "together"
mutant map-pinned-one-step lib/map.c \
	'/^static int version_pinned/,/^}/s/while (view->seq > l->seq) {/if (view->seq > l->seq) {/' \
	plain "together"
mutant map-pinned-era lib/map.c \
	'/^int ds_map_read_pinned/,/^}/s/if (!look_valid(&l) || /if (/' \
	plain "together"
mutant map-pinned-revoked lib/map.c \
	'/^int ds_map_read_pinned/,/^}/s/if (ds_map_revoked(map))/if (0)/' \
	plain "together"
mutant hash-tail lib/hash.h \
	's/_mm_cvtsi64_si128((long long)last)/_mm_cvtsi32_si128((int)last)/' \
	plain "map"

# Backlogs: what changes are told of, and what readers may read.
mutant backlog-tail-late backlog.c \
	's/^static void ds_backlog_make_room/static u64 later;\n&/;s/smp_store_release(&log->tail, tail);/later = tail;/;s/^\tlog->number++;/&\n\tsmp_wmb();\n\tif (later)\n\t\tWRITE_ONCE(log->tail, later);/' \
	plain "follow.owner_stops"
mutant backlog-tail-unchecked backlog.c \
	's/return cursor->at >= READ_ONCE(log->tail);/return true;/' \
	plain "cursor follow"
mutant backlog-room-short backlog.c \
	's/log->end + size + sizeof(struct docstore_record), tail/log->end + size, tail/' \
	plain "cursor"
mutant backlog-terminator backlog.c \
	's/ds_backlog_at(log, log->end)->sequence = log->number;/(void)log;/' \
	plain "backlog cursor"
mutant backlog-visible-unchecked backlog.c \
	's/return record->commit > visible ?/return record->commit > visible + 1 ?/' \
	plain "cursor"
mutant backlog-head-early backlog.c \
	's/^\tlog->end += size;/&\n\tsmp_store_release(\&log->head, log->end);/' \
	plain "cursor"
mutant backlog-head-late partition.c \
	'/^bool ds_partition_show/,/^}/{/if (p->backlog)$/d;s/ds_backlog_show(.*/;/;s/^\t\tWRITE_ONCE(p->stats.commits.*/&\n\t\tif (p->backlog)\n\t\t\tds_backlog_show(p->backlog, p->seq);/}' \
	plain "follow"
mutant backlog-shown-from backlog.c \
	's/WRITE_ONCE(shown->from.at, before->to.at);/(void)before;/' \
	plain "cursor follow"
mutant backlog-shown-once backlog.c \
	's/while (READ_ONCE(log->shows) != shows);/while (0);/' \
	plain "follow"
mutant backlog-now-behind backlog.c \
	's/ < commit ? from : to;/ < commit ? to : to;/' \
	plain "cursor"
mutant backlog-seek-past-head backlog.c \
	's/if (cursor->at >= head)/if (cursor->at == head)/' \
	plain "cursor"
mutant backlog-lost-one-less backlog.c \
	's/\*lost = record.sequence - cursor->next;/*lost = record.sequence - cursor->next - 1;/' \
	plain "cursor"
mutant backlog-unset-forgotten backlog.c \
	's/sum->unset = true;/;/' \
	plain "random"
mutant backlog-set-before backlog.c \
	's/l->set\[i\] == (u32)v->version/l->set[i] > (u32)v->version/' \
	plain "random"
mutant backlog-added-kept backlog.c \
	's/ds_backlog_unmark(log, change);/;/' \
	plain "backlog"
mutant backlog-added-then-set backlog.c \
	's/^\t\t\t\tif (sum->added)$/\t\t\t\tif (0)/' \
	plain "backlog"
mutant backlog-omits-late backlog.c \
	's/size > log->size \/ DS_BACKLOG_SHARE/size > log->size/' \
	plain "backlog"
mutant backlog-replaced backlog.c \
	's/else if (sum->deleted)/else if (0)/' \
	plain "random"

# Checks that see less, or count something else.
mutant check-index-bucket check.c \
	's/if (bucket != at->number)/if (0)/' \
	plain "check"
mutant check-index-tag check.c \
	's/if (tag != docstore_map_tag(hash))/if (0)/' \
	plain "check"
mutant check-index-empty check.c \
	's/if (bucket->state\[i\])$/if (0)/' \
	plain "check"
mutant check-index-twice check.c \
	's/if (ids->tag\[i\] == tag &&/if (0 \&\&/' \
	plain "check"
mutant check-index-chain check.c \
	's/if (n == DS_CHECK_CHAIN) {/if (0) {/' \
	plain "check"
mutant check-flags-wrong check.c \
	's/if (finding.is != finding.should)/if (finding.is < finding.should)/' \
	plain "check"
mutant check-flags-ready check.c \
	's/if (v->prev && v->seq > ds_pins_floor(pins, p->number))/if (0)/' \
	plain "check"
mutant check-flags-repair check.c \
	's/ds_index_flags(&at->slot, DS_STATE_FLAGS, finding->should)/(void)at/' \
	plain "check"
mutant check-counter-repair check.c \
	's/WRITE_ONCE(p->arena.free_pages, finding->should)/(void)p/' \
	plain "check"
mutant check-free-bucket-bytes check.c \
	's/ds_index_bytes(&p->index, index->overflow)/ds_index_bytes(\&p->index, 0)/' \
	plain "check random"
mutant check-passed-early check.c \
	's/p->index.tally.passed = check->at;/p->index.tally.passed = 0;/' \
	plain "check random"
mutant check-passed-late check_arena.c \
	's/arena->tally.passed = number + 1;/arena->tally.passed = number + 2;/' \
	plain "check random"
mutant check-tally-slots index.c \
	's/index->tally.slots--;/;/' \
	plain "check random"
mutant check-tally-overflow index.c \
	's/ds_index_count_overflow(index, number, count);/;/' \
	plain "check random"
mutant check-tally-documents partition.c \
	's/p->index.tally.documents += documents;/;/' \
	plain "check random"
mutant check-tally-bytes arena.c \
	's/ds_arena_tally(arena, run->chunk, -(s64)class->size, 0);/;/' \
	plain "check random"
mutant check-tally-pages arena.c \
	's/ds_arena_tally(arena, chunk, 0, pages);/;/' \
	plain "check random"
mutant check-free-list check_arena.c \
	's/if (next || n != count)/if (0)/' \
	plain "check"
mutant check-block-offset check_arena.c \
	's/return !(offset % class->size) && /return /' \
	plain "check"
mutant check-spares check_arena.c \
	's/else if (bytes != spares->bytes)/else if (0)/' \
	plain "check"
mutant check-retired check_arena.c \
	's/bytes == list->bytes && !list->more :/!list->more :/' \
	plain "check"
mutant check-version-size check_version.c \
	's/if (v->size > room || /if (/' \
	plain "check"
mutant check-version-types check_version.c \
	's/ || !ds_type_fits(l.types\[i\], \*end - begin)//' \
	plain "check"
mutant check-version-seq check_version.c \
	's/if (!v->seq || v->seq > p->map->visible_seq)/if (!v->seq)/' \
	plain "check"
mutant check-prev-seq check_version.c \
	's/if (old->seq >= v->seq)/if (old->seq > v->seq)/' \
	plain "check"
mutant check-prev-version check_version.c \
	's/if (old->version >= v->version)/if (old->version > v->version)/' \
	plain "check"
mutant check-prev-floor check_version.c \
	's/v->seq > floor && v->prev && n </v->prev \&\& n </' \
	plain "check random"
mutant check-kept-count check_version.c \
	'/^static bool ds_check_kept_list/,/^}/s/if (kept->left)$/if (0)/' \
	plain "check"
mutant check-kept-bytes check_version.c \
	's/else if (kept->left_bytes)/else if (0)/' \
	plain "check"
mutant check-kept-tail check_version.c \
	's/\.left = list->count,/.left = list->count + 1,/' \
	plain "check"

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
