// SPDX-License-Identifier: GPL-2.0
/*
 * The index: buckets that split, slots that move, overflow buckets that go.
 *
 * One owner does OPS things, each of them adding a document, removing one, or
 * making one bucket more, up to BUCKETS. One reader looks a document up, READS
 * times. Where documents belong and which tags they have is chosen in all ways.
 *
 *	owner	ds_index_reserve() and ds_index_link(), ds_index_remove(),
 *		ds_index_grow(), with ds_bucket_vacancy(), ds_bucket_trim(),
 *		ds_bucket_match_chain() and ds_slot_move()
 *	reader	ds_index_lookup(); with -DMAPPED as a reader of the mapping does it
 *
 * What is not as in the code, and why nothing is lost by it:
 *
 * - Buckets have two slots and not five, hashes two bits, tags one. A tag of 0 is
 *   what an empty slot has too, as in the code.
 * - A ref is the number of the document. What becomes of versions is in
 *   reuse.pml; to the index they are what tells it the id.
 * - Each load and store of a slot is a step. The owner's loads are part of its
 *   next store: nobody else writes.
 * - The owner's grace period for an overflow bucket begins when it is unlinked,
 *   the earliest that it may.
 * - All steps happen in one order. What it takes for that is in litmus/: moves,
 *   buckets, next, next-trim.
 * - The index is never too empty to grow: it grows whenever it may.
 * - Another reader changes nothing but that grace periods may last longer.
 *
 * Checked: a document is found if it was there all the time, and not found if it
 * was never there; the reader comes to no bucket that is free.
 *
 * What check runs, and what must come of it:
 *
 *: ok one-split
 *: ok chain -DSLOTS=1 -DOVERFLOW=3
 *: ok chain-mapped -DSLOTS=1 -DOVERFLOW=3 -DMAPPED
 *: ok two-splits -DSLOTS=1 -DDOCS=2 -DBUCKETS=3 -DOPS=3
 *: ok two-splits-mapped -DSLOTS=1 -DDOCS=2 -DBUCKETS=3 -DOPS=3 -DMAPPED
 *: bad no-moves-check -DBREAK_NO_CHECK
 *: bad odd-moves-trusted -DBREAK_ODD
 *: bad moves-not-counted -DBREAK_NO_MOVES
 *: bad moves-counted-late -DBREAK_LATE_BEGIN
 *: bad moves-even-early -DBREAK_EARLY_END
 *: bad moves-checked-early -DBREAK_EARLY_CHECK
 *: bad buckets-before-moves -DBREAK_BUCKETS_FIRST
 *: bad buckets-after-moves -DBREAK_BUCKETS_LAST
 *: bad next-cleared -DBREAK_NEXT_CLEARED -DSLOTS=1 -DOVERFLOW=3
 *: bad trim-frees -DBREAK_TRIM_FREES -DSLOTS=1 -DOVERFLOW=3 -DTRUST
 *: bad trim-frees-mapped -DBREAK_TRIM_FREES -DSLOTS=1 -DOVERFLOW=3 -DMAPPED
 *: bad no-era-check -DBREAK_NO_ERA -DSLOTS=1 -DOVERFLOW=3 -DMAPPED
 *: long one-split -DOPS=5
 *: long two-splits -DBUCKETS=3
 *: long two-splits-mapped -DBUCKETS=3 -DMAPPED
 *: long chain -DSLOTS=1 -DDOCS=4 -DOVERFLOW=4 -DOPS=4
 *: long chain-mapped -DSLOTS=1 -DDOCS=4 -DOVERFLOW=4 -DOPS=4 -DMAPPED
 *: long two-reads -DOPS=3 -DREADS=2
 */
#ifndef DOCS
#define DOCS	3
#endif
#ifndef BUCKETS
#define BUCKETS	2
#endif
#ifndef OVERFLOW
#define OVERFLOW 2
#endif
#ifndef OPS
#define OPS	2
#endif
#ifndef READS
#define READS	1
#endif

#ifndef SLOTS
#define SLOTS	2
#endif
/* DOCSTORE_MAP_ERAS */
#define ERAS	3
#define ALL	(BUCKETS + OVERFLOW)
#define NONE	255

/* Buckets, then overflow buckets; bucket 0 is never behind another. */
byte ref[ALL * SLOTS];
bit state[ALL * SLOTS];
byte next[ALL];
#define at(bucket, i)	((bucket) * SLOTS + (i))
#define bucket_of_place(place)	((place) / SLOTS)

/* The partition's page. */
byte buckets = 1;
byte moves;
byte era = 2;

/* The documents: where they belong, their tags, and where they are. */
byte hash[DOCS];
bit tag[DOCS];
byte place[DOCS];

/* Overflow buckets: not in use, unlinked, and waiting for the reader too. */
bool is_free[ALL];
bool is_retired[ALL];
bool is_awaited[ALL];

/* The reader: what it looks for, and what was true of that meanwhile. */
byte target;
bool reading;
bool was_there;
bool was_absent;

/* docstore_map_bucket(), for up to four buckets. */
#define bucket_of(h, n)	( \
	(n) == 1 -> 0 : \
	((n) == 2 -> ((h) & 1) : \
	(((h) & 3) < (n) -> ((h) & 3) : ((h) & 1))))
/* 1U << ilog2(n) */
#define bit_of(n)	((n) == 1 -> 1 : 2)

/* A document's ref is its number plus one. */
inline note(d) {
	if
	:: d == target ->
		if
		:: place[d] == NONE -> was_absent = true
		:: else -> was_there = true
		fi
	:: else
	fi
}

/* ds_arena_retire(); or, of what no reader can have found, ds_arena_free(). */
inline retire(bucket) {
#ifdef BREAK_TRIM_FREES
	is_free[bucket] = true
#else
	is_retired[bucket] = true;
#ifndef MAPPED
	is_awaited[bucket] = reading
#endif
#endif
}

/* ds_arena_alloc(), behind ds_arena_reclaim(): NONE if there is none. */
inline allocate(bucket) {
	bucket = BUCKETS;
	do
	:: bucket < ALL && !is_free[bucket] &&
	   !(is_retired[bucket] && !is_awaited[bucket]) -> bucket++
	:: else -> break
	od;
	if
	:: bucket == ALL -> bucket = NONE
	:: else ->
		if
		:: is_retired[bucket] ->
#ifdef MAPPED
			/* ds_arena_pass_era(): closed in the era that is now */
			era = era + ERAS + 1;
#endif
			is_retired[bucket] = false
		:: else -> is_free[bucket] = false
		fi;
		next[bucket] = 0;
		ref[at(bucket, 0)] = 0;
		ref[at(bucket, SLOTS - 1)] = 0;
		state[at(bucket, 0)] = 0;
		state[at(bucket, SLOTS - 1)] = 0
	fi
}

#define vacant(place)	(!ref[place] && !state[place])
#define unused(bucket)	(vacant(at(bucket, 0)) && vacant(at(bucket, SLOTS - 1)))

/* ds_bucket_trim() */
inline trim(first) {
	atomic {
		b = first;
		do
		:: next[b] && unused(next[b]) ->
			k = next[b];
			next[b] = next[k];
			retire(k);
#ifdef BREAK_NEXT_CLEARED
			next[k] = 0;
#endif
			k = 0
		:: next[b] && !unused(next[b]) -> b = next[b]
		:: !next[b] -> break
		od;
		b = 0
	}
}

/* ds_slot_advance() */
inline advance(p) {
	if
	:: p % SLOTS < SLOTS - 1 -> p++
	:: else -> p = at(next[bucket_of_place(p)], 0)
	fi
}

#define last(p)	((p) % SLOTS == SLOTS - 1 && !next[bucket_of_place(p)])

inline add(d) {
	/* ds_bucket_vacancy() */
	atomic {
		b = bucket_of(hash[d], buckets);
		f = at(b, 0);
		do
		:: ref[f] || state[f] ->
			if
			:: last(f) ->
				allocate(k);
				if
				:: k == NONE -> break
				:: else
				fi;
				f = at(bucket_of_place(f), SLOTS - 1);
				next[bucket_of_place(f)] = k;
				f = at(k, 0);
				break
			:: else -> advance(f)
			fi
		:: else -> break
		od;
		b = 0
	};
	if
	:: d_step { k == NONE -> k = 0 }
	:: else ->
		/* ds_index_reserve() */
		d_step { k = 0; state[f] = tag[d] };
		/* ds_index_link() */
		d_step { ref[f] = d + 1; place[d] = f; note(d) }
	fi;
	f = 0
}

/* ds_index_remove() */
inline remove(d) {
	f = place[d];
	d_step { ref[f] = 0; place[d] = NONE; note(d) };
	state[f] = 0;
	d_step { f = 0; old = bucket_of(hash[d], buckets) };
	trim(old);
	old = 0
}

inline moves_begin() {
#ifndef BREAK_NO_MOVES
	moves++
#else
	skip
#endif
}

inline moves_end() {
#ifndef BREAK_NO_MOVES
	moves++
#else
	skip
#endif
}

/* ds_bucket_match_chain() for bucket @fresh, as long as that of @old */
inline match_chain() {
	atomic {
		b = old;
		do
		:: next[b] ->
			b = next[b];
			allocate(k);
			if
			:: k == NONE ->
				/* ds_bucket_drop_chain() */
				do
				:: next[fresh] ->
					b = next[fresh];
					next[fresh] = next[b];
					is_free[b] = true
				:: else -> break
				od;
				break
			:: else ->
				next[k] = next[fresh];
				next[fresh] = k
			fi
		:: else -> break
		od;
		b = 0
	}
}

#define goes(p)	(hash[ref[p] - 1] & bit_of(fresh))

inline behind(p) {
	if
	:: last(p) -> p = NONE
	:: else -> advance(p)
	fi
}

/* From place @f on the next slot that is to move, by ds_slot_move(); NONE at the end */
inline seek() {
	do
	:: f == NONE -> break
	:: f != NONE && ref[f] && (goes(f) || rest != f) -> break
	:: f != NONE && ref[f] && !goes(f) && rest == f -> advance(rest); behind(f)
	:: f != NONE && !ref[f] -> behind(f)
	od;
	skip
}

/* ds_index_grow() */
inline grow() {
	d_step {
		fresh = buckets;
		old = fresh - bit_of(fresh)
	};
#ifdef BREAK_BUCKETS_FIRST
	buckets++;
#endif
	match_chain();
	if
	:: d_step { k == NONE -> k = 0 }
	:: else ->
		d_step {
			k = 0;
			f = at(old, 0);
			rest = f;
			t = at(fresh, 0);
			seek()
		};
#ifndef BREAK_LATE_BEGIN
		moves_begin();
#endif
#ifdef BREAK_EARLY_END
		moves_end();
#endif
		do
		:: d_step { f != NONE && goes(f) ->
			place[ref[f] - 1] = t;
			state[t] = state[f]
		   };
			ref[t] = ref[f];
			ref[f] = 0;
			d_step { state[f] = 0; advance(t); behind(f); seek() }
		:: d_step { f != NONE && !goes(f) ->
			place[ref[f] - 1] = rest;
			state[rest] = state[f]
		   };
			ref[rest] = ref[f];
			ref[f] = 0;
			d_step { state[f] = 0; advance(rest); behind(f); seek() }
		:: f == NONE -> break
		od;
#ifdef BREAK_LATE_BEGIN
		moves_begin();
#endif
#if !defined(BREAK_BUCKETS_FIRST) && !defined(BREAK_BUCKETS_LAST)
		buckets++;
#endif
#ifndef BREAK_EARLY_END
		moves_end();
#endif
#ifdef BREAK_BUCKETS_LAST
		buckets++;
#endif
		trim(old);
		trim(fresh)
	fi;
	d_step { f = 0; t = 0; rest = 0; old = 0; fresh = 0 }
}

proctype owner() {
	byte ops, d, b, k, f, t, rest, old, fresh;

	do
	:: atomic { ops < OPS ->
		ops++;
		d = 0;
		do
		:: d < DOCS - 1 -> d++
		:: break
		od
	   };
		if
		:: place[d] == NONE -> add(d)
		:: place[d] != NONE -> remove(d)
		:: buckets < BUCKETS && !d -> grow()
		fi;
		d = 0
	:: ops == OPS -> break
	od
}

inline rcu_read_unlock() {
	reading = false;
	k = 0;
	do
	:: k < ALL -> is_awaited[k] = false; k++
	:: else -> break
	od;
	k = 0
}

#ifdef BREAK_NO_ERA
#define lost	false
#else
#define lost	(era - begin > ERAS)
#endif

proctype reader() {
	byte reads, m, b, i, now, begin, k;
	bool found;

	do
	:: reads < READS ->
		d_step {
			reading = true;
			was_there = place[target] != NONE;
			was_absent = !was_there
		};
again:		skip;
#ifdef MAPPED
		begin = era;
#endif
		m = moves;
		b = bucket_of(hash[target], buckets);
		do
		/* Another tag: the next one. */
		:: d_step { i < SLOTS && state[at(b, i)] != tag[target] -> i++ }
		:: i < SLOTS && state[at(b, i)] == tag[target] ->
			d_step {
				if
				:: ref[at(b, i)] == target + 1 -> found = true
				:: else -> i++
				fi
			};
			if
			:: found -> break
			:: else
			fi
		:: i == SLOTS ->
			/* ds_bucket_next() */
#ifdef BREAK_EARLY_CHECK
			now = moves;
#endif
			d_step {
#if !defined(MAPPED) && !defined(TRUST)
				assert(!is_free[b]);
#endif
				i = 0;
				b = next[b]
			};
			if
			:: !b -> break
			:: else
			fi
		od;
		atomic { b = 0; i = 0 };
#ifdef MAPPED
		if
		:: d_step { lost -> found = false; m = 0 };
			goto again
		:: else
		fi;
#endif
#ifndef BREAK_EARLY_CHECK
		now = moves;
#endif
#ifndef BREAK_NO_CHECK
		if
#ifdef BREAK_ODD
		:: !found && now != m -> goto again
#else
		:: !found && ((m & 1) || now != m) -> goto again
#endif
		:: else
		fi;
#endif
		d_step {
			assert(found || was_absent);
			assert(!found || was_there);
			found = false;
			m = 0;
			now = 0;
			begin = 0;
			was_there = false;
			was_absent = false;
			rcu_read_unlock();
			reads++
		}
	:: else -> break
	od
}

init {
	byte d, b, n;

	atomic {
		/* Documents: everywhere, and of them any is looked for. */
		do
		:: d < DOCS ->
			do
			:: hash[d] < (BUCKETS > 2 -> 3 : 1) -> hash[d]++
			:: break
			od;
			if
			:: tag[d] = 0
			:: tag[d] = 1
			fi;
			d++
		:: else -> break
		od;
		do
		:: target < DOCS - 1 -> target++
		:: break
		od;
		/* All are there, in bucket 0 and those behind it. */
		d = 0;
		n = BUCKETS;
		do
		:: d < DOCS ->
			if
			:: d && d % SLOTS == 0 -> next[b] = n; b = n; n++
			:: else
			fi;
			place[d] = at(b, d % SLOTS);
			ref[place[d]] = d + 1;
			state[place[d]] = tag[d];
			d++
		:: else -> break
		od;
		b = n;
		do
		:: b < ALL -> is_free[b] = true; b++
		:: else -> break
		od;
		b = 0;
		d = 0;
		n = 0;
		run owner();
		run reader()
	}
}
