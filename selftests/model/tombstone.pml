// SPDX-License-Identifier: GPL-2.0
/*
 * Documents that are deleted and made again, their tombstones, and their slots.
 *
 * One owner does OPS things to two documents, which are there at the beginning:
 * it changes, deletes or makes one. Slots are given back when tombstones are
 * buried, and taken by whichever document comes next. A reader looks for the
 * first document, once; with -DPAIR for both of them at one visible_seq.
 *
 *	owner	ds_partition_build(), _link(), _publish(), ds_partition_bury_some()
 *		and _bury(), ds_arena_settle() and _reclaim()
 *	reader	ds_partition_read(); with -DMAPPED what a reader of the mapping
 *		does
 *
 * What is not as in the code, and why nothing is lost by it:
 *
 * - Slots are looked through one after the other, as in one bucket; index.pml has
 *   the others.
 * - A version is two words: its header (seq, prev) and what it says (document,
 *   number, tombstone or not). It is written in one step: reuse.pml has versions
 *   in more pieces, and here nothing may be written at all that a reader looks at.
 * - One list of retired blocks waits at a time, and is closed whenever it may be. The
 *   era is raised where it has not gone far enough, as in a hurry.
 * - All steps happen in one order: tombstone and grace-period in litmus/ have what
 *   it takes.
 * - Another reader changes nothing but that grace periods may last longer.
 * - Batches that fail and undo what they built are left out: nothing of it was
 *   ever linked.
 *
 * Checked:
 *
 * - a kernel reader finds what was there at its visible_seq, and nothing if
 *   nothing was;
 * - so does a mapped reader that finds something; one that finds nothing may also
 *   do so because the document was absent later, before the end of its read;
 * - two documents at one visible_seq. For a mapped reader this needs that the era
 *   is raised before the slot of a deleted document is cleared, which the search
 *   named slot-in-same-era shows;
 * - nothing is written to a block that a reader looks at and may trust;
 * - the numbers of a document's versions grow, also when it lost its slot.
 *
 * What check runs, and what must come of it:
 *
 *: ok kernel
 *: ok mapped -DMAPPED -DBLOCKS=4 -DOPS=2
 *: ok same-tag -DSAME_TAG
 *: ok pair -DPAIR
 *: ok pair-mapped -DPAIR -DMAPPED -DOPS=2
 *: ok pair-one-era -DPAIR -DMAPPED -DERAS=1 -DOPS=2
 *: bad slot-in-same-era -DBREAK_SLOT_IN_SAME_ERA -DPAIR -DMAPPED -DTRUST -DOPS=2
 *: bad era-one-short -DBREAK_ONE_SHORT -DPAIR -DMAPPED -DTRUST -DOPS=2
 *: bad buried-at-once -DBREAK_BURY_NOW -DTRUST
 *: bad buried-in-commit -DBREAK_BURY_IN_COMMIT -DTRUST
 *: bad no-tombstone -DBREAK_NO_TOMBSTONE -DTRUST
 *: bad tombstone-retired-twice -DBREAK_RETIRED_TWICE
 *: bad slot-of-new-document-cleared -DBREAK_CLEARS_NEW -DTRUST
 *: bad no-floor -DBREAK_NO_FLOOR
 *: bad id-not-compared -DBREAK_NO_ID -DSAME_TAG -DTRUST
 *: bad no-grace-period -DBREAK_NO_GRACE -DTRUST
 *: bad no-era-check -DBREAK_NO_CHECK -DMAPPED -DTRUST
 *: long kernel -DOPS=5 -DBLOCKS=7
 *: long mapped -DOPS=3 -DBLOCKS=4 -DMAPPED
 *: long same-tag -DOPS=5 -DBLOCKS=7 -DSAME_TAG
 *: long pair -DOPS=5 -DBLOCKS=7 -DPAIR
 *: long pair-mapped -DOPS=3 -DPAIR -DMAPPED
 */
#ifndef OPS
#define OPS	3
#endif
#ifndef BLOCKS
#define BLOCKS	5
#endif
/* DOCSTORE_MAP_ERAS */
#ifndef ERAS
#define ERAS	3
#endif
#define DOCS	2
#define SLOTS	2
#define NONE	255
#ifdef PAIR
#define WANTED	2
#else
#define WANTED	1
#endif

#define BIT(i)	(1 << (i))

/* A block's two words; block 0 is none. */
byte b_seq[BLOCKS + 1];
byte b_prev[BLOCKS + 1];
byte b_doc[BLOCKS + 1];
byte b_number[BLOCKS + 1];
bool b_tombstone[BLOCKS + 1];

/* The partition's page, and the index. A slot is free if both words are 0. */
byte visible_seq = 1;
byte era = 2;
byte ref[SLOTS];
byte tag[SLOTS];

/* Sets of blocks: free, retired, and in a list whose wait goes on. */
byte free_blocks;
byte open_list;
byte closed_list;
byte closed_era;
bool closed_awaits;

/* Tombstones: of which readers may need the predecessor, and whose wait goes on. */
byte buried;
byte dying;
bool dying_awaits;
byte dying_era;
byte floor;

byte ops;

/* The reader: in a read section; the block that it looks at; its first era. */
bool reading;
byte hand;
byte began;

bool begun;	/* it has loaded visible_seq */

/* What was there at each visible_seq: a document's number, or 0. */
byte history[(OPS + 2) * DOCS];
#define at(seq, doc)	history[(seq) * DOCS + (doc)]

byte tags[DOCS];

#ifdef MAPPED
#define trusted	(era - began <= ERAS)
#else
#define trusted	true
#endif

#ifdef BREAK_NO_GRACE
#define awaits	false
#else
#define awaits	reading
#endif

inline check_unused(b) {
#ifndef TRUST
	assert(!hand || hand != b || !trusted)
#else
	skip
#endif
}

inline retire(b) {
	assert(!((open_list | closed_list | free_blocks) & BIT(b)));
	open_list = open_list | BIT(b)
}

inline take_block(b) {
	b = 1;
	do
	:: !(free_blocks & BIT(b)) -> b++
	:: else -> break
	od;
	free_blocks = free_blocks & ~BIT(b)
}

/* The slot of document @d, or one for it; there are as many as documents. */
inline find_slot(d, s, b) {
	s = 0;
	do
	:: s < SLOTS && !(ref[s] && b_doc[ref[s]] == d) -> s++
	:: else -> break
	od;
	if
	:: s == SLOTS ->
		s = 0;
		do
		:: ref[s] || tag[s] -> s++
		:: else -> break
		od
	:: else
	fi
}

/* ds_arena_pass_era() */
#ifdef BREAK_ONE_SHORT
#define PASSED(noted)	(noted + ERAS)
#else
#define PASSED(noted)	(noted + ERAS + 1)
#endif

inline pass_era(noted) {
	if
	:: era < PASSED(noted) -> era = PASSED(noted)
	:: else
	fi
}

/* The next of the tombstones that are dying */
inline take_dying(b) {
	b = 1;
	do
	:: !(dying & BIT(b)) -> b++
	:: else -> break
	od;
	dying = dying & ~BIT(b)
}

proctype owner() {
	byte commit, d, s, b, old, k;
	byte number[DOCS] = 1;		/* highest so far */
	byte now[DOCS] = 1;		/* linked, or 0 */
	bool delete;

	do
	/* ds_partition_build() of a change, a deletion, or a new document */
	:: atomic { ops < OPS && free_blocks ->
		ops++;
		commit = visible_seq + 1;
		d = 0;
		do
		:: d < DOCS - 1 -> d++
		:: break
		od;
		if
		:: now[d] -> delete = true
		:: delete = false
		fi;
		find_slot(d, s, b);
		take_block(b)
	   };
		/* ds_builder_write() */
		d_step {
			check_unused(b);
			old = ref[s];
			b_seq[b] = commit;
			b_doc[b] = d;
			b_tombstone[b] = delete;
			if
			:: old -> b_number[b] = b_number[old] + 1
			:: else ->
#ifdef BREAK_NO_FLOOR
				b_number[b] = 1
#else
				b_number[b] = floor + 1
#endif
			fi;
			assert(b_number[b] > number[d]);
			number[d] = b_number[b];
			if
			:: old && b_seq[old] == commit -> b_prev[b] = b_prev[old]
			:: else -> b_prev[b] = old
			fi;
			now[d] = (delete -> 0 : number[d])
		};
#ifdef BREAK_NO_TOMBSTONE
		/* As if a deletion just cleared the slot. */
		if
		:: delete ->
			ref[s] = 0;
			d_step {
				tag[s] = 0;
				floor = (b_number[b] > floor -> b_number[b] : floor);
				retire(old);
				free_blocks = free_blocks | BIT(b);
				old = 0; b = 0; s = 0; delete = false
			}
		:: else ->
#endif
		/* ds_index_reserve() */
		if
		:: !old -> tag[s] = tags[d]
		:: else
		fi;
		/* ds_partition_link() */
		d_step {
			ref[s] = b;
			if
			:: old && !b_tombstone[old] -> retire(old)
#ifdef BREAK_RETIRED_TWICE
			:: old && b_tombstone[old] -> retire(old)
#endif
			:: else
			fi;
			if
			:: delete -> buried = buried | BIT(b)
			:: else
			fi;
			old = 0; b = 0; s = 0; delete = false
		}
#ifdef BREAK_NO_TOMBSTONE
		fi
#endif

	/* ds_partition_publish() */
	:: d_step { commit ->
		d = 0;
		visible_seq = commit;
		/* Nobody will ask for what was there before. */
		if
		:: !begun -> at(commit - 1, 0) = 0; at(commit - 1, 1) = 0
		:: else
		fi;
		do
		:: d < DOCS -> at(commit, d) = now[d]; d++
		:: else -> break
		od;
		d = 0;
		commit = 0
	   }

	/* ds_partition_bury_some() begins */
#ifdef BREAK_BURY_IN_COMMIT
	:: d_step { buried && !dying ->
#else
	:: d_step { buried && !dying && !commit ->
#endif
		dying = buried;
		dying_era = era;
#ifdef BREAK_BURY_NOW
		dying_awaits = false;
#else
		dying_awaits = awaits;
#endif
		buried = 0
	   }

	/* and goes on: ds_partition_bury() */
	:: atomic { dying && !dying_awaits && !commit -> take_dying(b) };
		d_step {
#ifndef BREAK_SLOT_IN_SAME_ERA
			pass_era(dying_era);
#endif
			d = b_doc[b];
			find_slot(d, s, b)
		};
		if
#ifdef BREAK_CLEARS_NEW
		:: ref[s] ->
#else
		:: ref[s] == b ->
#endif
			d_step {
				ref[s] = 0;
				floor = (b_number[b] > floor -> b_number[b] : floor)
			};
			tag[s] = 0
		:: else
		fi;
		d_step {
			retire(b);
			b = 0; s = 0; d = 0
		}

	/* ds_arena_close() */
	:: d_step { open_list && !closed_list && !commit ->
		closed_list = open_list;
		closed_era = era;
		era++;
		closed_awaits = awaits;
		open_list = 0
	   }

	/* ds_arena_reclaim(), in a commit too */
	:: closed_list && !closed_awaits ->
		pass_era(closed_era);
		d_step {
			k = 1;
			do
			:: k <= BLOCKS ->
				if
				:: closed_list & BIT(k) ->
					check_unused(k);
					/* What is free may be written to at any time. */
					b_seq[k] = 0;
					b_prev[k] = 0;
					b_doc[k] = 0;
					b_number[k] = 0;
					b_tombstone[k] = false
				:: else
				fi;
				k++
			:: else -> break
			od;
			k = 0;
			free_blocks = free_blocks | closed_list;
			closed_list = 0;
			closed_era = 0
		}

	/* No memory, and what there is waits for the reader: the change fails. */
	:: d_step { ops < OPS && !free_blocks && !commit -> ops++ }
	:: ops == OPS && !commit -> break
	od
}

/* What a mapped reader copies is lost once the era is more than ERAS further. */
#if defined(MAPPED) && !defined(BREAK_NO_CHECK)
#define lost	(era - began > ERAS)
#else
#define lost	false
#endif
#define step(what)	if :: lost -> goto done :: d_step { !lost -> what } fi

#ifdef BREAK_NO_ID
#define right_id	true
#else
#define right_id	(b_doc[b] == want)
#endif

/* What a version says that a reader comes to in the end; 0 if a tombstone */
#define WRONG	99
#define what_is_there	(b_doc[b] != want -> WRONG : \
			 (b_tombstone[b] -> 0 : b_number[b]))

proctype reader() {
	byte want, snapshot, i, b, number;

#ifdef MAPPED
	began = era;
#else
	reading = true;
#endif
	d_step { snapshot = visible_seq; begun = true };
	do
	:: want < WANTED ->
		/* ds_bucket_lookup() */
		do
		:: d_step { i < SLOTS && tag[i] != tags[want] -> i++ }
		:: i < SLOTS && tag[i] == tags[want] ->
			step(b = ref[i]; hand = b);
			/* ds_version_is() */
			if
			:: lost -> goto done
			:: !lost && b && right_id -> break
			:: d_step { !lost && !(b && right_id) -> i++; b = 0; hand = 0 }
			fi
		:: i == SLOTS -> break
		od;
		/* ds_partition_visible(); BREAK_NO_CHECK may bring it to block 0 */
		do
		:: lost -> goto done
		:: d_step { !lost && b && b_seq[b] > snapshot ->
			b = b_prev[b];
			hand = b
		   }
		:: d_step { !lost && b && b_seq[b] <= snapshot ->
			number = what_is_there;
			b = 0;
			hand = 0
		   };
			break
		:: !lost && !b -> break
		od;
		/* What a mapped reader looks at in the end. */
		if
		:: lost -> goto done
		:: d_step { !lost ->
#if defined(MAPPED) && !defined(PAIR)
			i = snapshot;
			if
			:: !number ->
				do
				:: i <= visible_seq && at(i, want) -> i++
				:: else -> break
				od
			:: else
			fi;
			assert(i <= visible_seq && number == at(i, want));
#else
			assert(number == at(snapshot, want));
#endif
			i = 0;
			b = 0;
			number = 0;
			want++
		   }
		fi
	:: else -> break
	od;
done:	skip;
	d_step {
		i = 0; b = 0; number = 0; want = WANTED; snapshot = 0;
		began = 0;
		hand = 0;
		begun = false;
		/* What comes would have come without a reader too. */
		ops = OPS;
		reading = false;
		closed_awaits = false;
		dying_awaits = false
	}
}

init {
	byte i;

	atomic {
		do
		:: i < DOCS ->
			ref[i] = i + 1;
			tags[i] = 1;
			b_seq[i + 1] = 1;
			b_doc[i + 1] = i;
			b_number[i + 1] = 1;
			at(1, i) = 1;
			i++
		:: else -> break
		od;
#ifndef SAME_TAG
		tags[1] = 2;
#endif
		tag[0] = tags[0];
		tag[1] = tags[1];
		do
		:: i < BLOCKS -> i++; free_blocks = free_blocks | BIT(i)
		:: else -> break
		od;
		i = 0;
		run owner();
		run reader()
	}
}
