// SPDX-License-Identifier: GPL-2.0
/*
 * Versions, and when the memory of old ones is used again.
 *
 * One owner changes DOCS documents, which are all there from the beginning, in
 * BLOCKS blocks of memory. Readers look for one document each, READS times:
 * KERNEL of them within RCU read sections, MAPPED of them with nothing but the
 * era.
 *
 *	owner		ds_partition_build(), _link(), _publish(), and
 *			_maintain(), with ds_arena_retire(), _settle() and _reclaim()
 *	kernel_reader	ds_partition_read(), and copying what it has found
 *	mapped_reader	what uapi/linux/docstore_map.h asks of a reader of the
 *			mapping; mapped_read() of selftests/core/thread_test.c
 *
 * What is not as in the code, and why nothing is lost by it:
 *
 * - A version is three words, each read and written in one step: its header
 *   (seq, prev) and twice what it says (document, number), which must agree.
 *   More words are only more of the same: any two can be torn apart here.
 * - All steps happen in one order that everybody sees. What processors and
 *   compilers may turn round is for litmus/ to check, pair by pair. Where it
 *   matters most it is here too: BREAK_LATE_ERA and BREAK_EARLY_CHECK are what
 *   would happen without the smp_wmb() of ds_arena_pass_era() or the fence of a
 *   reader.
 * - The index is one slot for each document; index.pml has the rest of it, and
 *   tombstone.pml deletion.
 * - The owner closes lists and reclaims whenever it may, in a hurry or not, not only
 *   when there is much to do: all that the code does and more.
 * - ERAS is DOCSTORE_MAP_ERAS, except where it is said to be 1: then few lists are
 *   enough to take the era so far that no reclaim has to raise it, and it may have
 *   gone so far long before.
 * - A grace period is over when all readers have left that were in their read
 *   sections when it began. RCU promises that and no less.
 * - A reader that has to retry gives up instead: another read is the same as
 *   the next try.
 * - A commit consists of as many updates as it likes, of the same document too.
 *
 * Checked:
 *
 * - what a reader returns is whole, of the right document, and was visible at
 *   some moment between the beginning and the end of its read;
 * - what one reader sees of a document never goes backwards;
 * - a document is found;
 * - nothing is written to a block that a kernel reader looks at, or a mapped one
 *   that may still trust it;
 * - mapped readers may stop anywhere for ever, and the owner comes to its end.
 *
 * What check runs, and what must come of it:
 *
 *: ok kernel -DKERNEL=1 -DMAPPED=0 -DUPDATES=5
 *: ok mapped -DKERNEL=0 -DMAPPED=1 -DUPDATES=4
 *: ok both -DKERNEL=1 -DMAPPED=1 -DUPDATES=3
 *: ok two-kernel -DKERNEL=2 -DMAPPED=0 -DUPDATES=3
 *: ok two-reads -DKERNEL=0 -DMAPPED=1 -DUPDATES=3 -DREADS=2
 *: ok by-itself -DKERNEL=0 -DMAPPED=1 -DUPDATES=4 -DERAS=1 -DNO_HURRY
 *: ok one-era -DKERNEL=0 -DMAPPED=1 -DUPDATES=4 -DERAS=1
 *: bad era-one-short -DBREAK_ONE_SHORT -DKERNEL=0 -DTRUST
 *: bad era-one-short-by-itself -DBREAK_ONE_SHORT -DKERNEL=0 -DERAS=1 -DNO_HURRY -DTRUST
 *: bad era-stands-still -DBREAK_NO_ERA -DKERNEL=0 -DTRUST
 *: bad no-era-check -DBREAK_NO_CHECK -DKERNEL=0 -DTRUST
 *: bad era-after-reuse -DBREAK_LATE_ERA -DKERNEL=0 -DTRUST
 *: bad era-after-reuse-by-itself -DBREAK_LATE_ERA -DKERNEL=0 -DERAS=1 -DNO_HURRY -DTRUST
 *: bad era-noted-in-commit -DBREAK_NOTE_IN_COMMIT -DKERNEL=0 -DERAS=1 -DTRUST
 *: bad check-before-copied -DBREAK_EARLY_CHECK -DKERNEL=0 -DTRUST
 *: bad seq-before-era -DBREAK_SEQ_FIRST -DKERNEL=0 -DTRUST
 *: bad seq-before-read-section -DBREAK_SEQ_FIRST -DMAPPED=0 -DTRUST
 *: bad no-grace-period -DBREAK_NO_GRACE -DMAPPED=0 -DTRUST
 *: bad retire-frees -DBREAK_RETIRE_FREES -DMAPPED=0 -DTRUST
 *: bad retire-frees-mapped -DBREAK_RETIRE_FREES -DKERNEL=0 -DTRUST
 *: bad closed-in-commit -DBREAK_CLOSE_IN_COMMIT -DMAPPED=0 -DTRUST
 *: bad closed-in-commit-mapped -DBREAK_CLOSE_IN_COMMIT -DKERNEL=0 -DUPDATES=3 -DTRUST
 *: bad linked-before-written -DBREAK_LINK_FIRST -DMAPPED=0 -DTRUST
 *: bad linked-before-written-mapped -DBREAK_LINK_FIRST -DKERNEL=0 -DTRUST
 *: stuck owner-waits-for-reader -DBREAK_WAIT -DKERNEL=0
 *: long kernel -DKERNEL=2 -DMAPPED=0 -DUPDATES=5 -DREADS=2
 *: long mapped -DKERNEL=0 -DMAPPED=2 -DUPDATES=5 -DBLOCKS=5
 *: long both -DKERNEL=1 -DMAPPED=1 -DUPDATES=5 -DREADS=2
 *: long three -DKERNEL=1 -DMAPPED=2
 */
#ifndef DOCS
#define DOCS	2
#endif
#ifndef BLOCKS
#define BLOCKS	4
#endif
#ifndef UPDATES
#define UPDATES	4
#endif
#ifndef KERNEL
#define KERNEL	1
#endif
#ifndef MAPPED
#define MAPPED	1
#endif
#ifndef READS
#define READS	1
#endif

#ifndef ERAS
#define ERAS	3
#endif

/* Closed lists that may wait at once. */
#define CLOSED	2
/* Further back no chain of predecessors can reach. */
#define HOPS	BLOCKS


#define BIT(i)	(1 << (i))

/* What both words of a version say. */
#define says(doc, number)	((doc) * 16 + (number))

/* A block's words; block 0 is none. */
byte b_seq[BLOCKS + 1];
byte b_prev[BLOCKS + 1];
byte b_one[BLOCKS + 1];
byte b_two[BLOCKS + 1];

/* The partition's page and index. */
byte visible_seq = 1;
byte era = 2;
byte slot[DOCS];

/* The owner's lists, as sets of blocks. */
byte free_blocks;
byte open_list;
typedef retired {
	byte blocks;
	byte era;
	byte readers;	/* whom the grace period waits for */
};
retired closed[CLOSED];
byte nclosed;

/* RCU: who is in a read section. */
byte sections;

/* What is checked: the number of each document's visible version. */
byte visible[DOCS] = 1;
/* Who looks at which block: kernel readers, then mapped ones. */
byte hand[KERNEL + MAPPED + 1];
/* In which era a mapped reader began. */
byte began[KERNEL + MAPPED + 1];
#ifdef BREAK_WAIT
byte mapped_left = MAPPED;
#endif

/* Is anybody looking at a block that the owner is about to write to? */
inline check_unused(block) {
#ifndef TRUST
	do
	:: r < KERNEL ->
		assert(hand[r] != block);
		r++
	:: r >= KERNEL && r < KERNEL + MAPPED ->
		assert(hand[r] != block || era - began[r] > ERAS);
		r++
	:: else -> break
	od;
	r = 0
#else
	skip
#endif
}

inline take_block() {
	b = 1;
	do
	:: !(free_blocks & BIT(b)) -> b++
	:: else -> break
	od;
	free_blocks = free_blocks & ~BIT(b)
}

inline retire(ref) {
#ifdef BREAK_RETIRE_FREES
	free_blocks = free_blocks | BIT(ref)
#else
#ifdef BREAK_NOTE_IN_COMMIT
	noted = (open_list -> noted : era);
#endif
	open_list = open_list | BIT(ref)
#endif
}

/* Its link is what the builder was told, or skips a version of this commit. */
inline set_prev() {
	if
	:: b_seq[slot[d]] == commit -> b_prev[b] = b_prev[slot[d]]
	:: else -> b_prev[b] = slot[d]
	fi
}

/* The era that the owner has stored. */
#if defined(BREAK_LATE_ERA) || defined(BREAK_NO_ERA)
#define KNOWN	known
#else
#define KNOWN	era
#endif

/* ds_arena_pass_era() */
#ifdef BREAK_ONE_SHORT
#define PASSED	(closed[0].era + ERAS)
#else
#define PASSED	(closed[0].era + ERAS + 1)
#endif

#ifdef NO_HURRY
#define CAN_PASS	(KNOWN >= PASSED)
#else
#define CAN_PASS	true
#endif

inline pass_era() {
	if
	:: KNOWN < PASSED -> KNOWN = PASSED
	:: else
	fi
}

/* What is free may be written to at any time: so it is at once. */
inline free_closed() {
	free_blocks = free_blocks | closed[0].blocks;
	do
	:: k <= BLOCKS ->
		if
		:: closed[0].blocks & BIT(k) ->
			check_unused(k);
			b_seq[k] = 0;
			b_prev[k] = 0;
			b_one[k] = 0;
			b_two[k] = 0
		:: else
		fi;
		k++
	:: else -> break
	od;
	k = 0
}

inline shift_closed() {
	k = 0;
	do
	:: k + 1 < CLOSED ->
		closed[k].blocks = closed[k + 1].blocks;
		closed[k].era = closed[k + 1].era;
		closed[k].readers = closed[k + 1].readers;
		k++
	:: else -> break
	od;
	closed[k].blocks = 0;
	closed[k].era = 0;
	closed[k].readers = 0;
	k = 0;
	nclosed--
}

#ifdef BREAK_NO_GRACE
#define GRACE_OVER	true
#else
#define GRACE_OVER	(!closed[0].readers)
#endif

#ifdef BREAK_CLOSE_IN_COMMIT
#define BETWEEN_COMMITS	true
#else
#define BETWEEN_COMMITS	(!commit)
#endif

proctype owner() {
	byte updates;
	byte commit;		/* its number, 0 between commits */
	byte number[DOCS] = 1;	/* of the newest version */
	byte d, b, k, r;
#if defined(BREAK_LATE_ERA) || defined(BREAK_NO_ERA)
	byte known = era;
#endif
#ifdef BREAK_NOTE_IN_COMMIT
	byte noted;
#endif

	do
	:: atomic { updates < UPDATES ->
		/* ds_partition_begin(), and some document */
		updates++;
		commit = visible_seq + 1;
		do
		:: d < DOCS - 1 -> d++
		:: break
		od
	   };
		/* ds_partition_build() */
		if
		:: atomic { free_blocks -> take_block() };
#ifdef BREAK_LINK_FIRST
			atomic {
				set_prev();
				retire(slot[d]);
				slot[d] = b
			}
#endif
			/* ds_builder_write() */
			d_step {
				check_unused(b);
				b_seq[b] = commit;
#ifndef BREAK_LINK_FIRST
				set_prev()
#endif
			};
			d_step {
				check_unused(b);
				number[d]++;
				b_one[b] = says(d, number[d])
			};
			d_step {
				check_unused(b);
				b_two[b] = says(d, number[d])
			};
			/* ds_partition_link() */
			d_step {
#ifndef BREAK_LINK_FIRST
				retire(slot[d]);
				slot[d] = b;
#endif
				b = 0;
				d = 0
			}
		:: d_step { !free_blocks -> d = 0 }
		fi

	/* ds_partition_publish(); all that was linked has a newer number */
	:: d_step { commit ->
		visible_seq = commit;
		commit = 0;
		do
		:: d < DOCS -> visible[d] = number[d]; d++
		:: else -> break
		od;
		d = 0
	   }

	/* ds_arena_settle(), ds_arena_close() */
	:: d_step { open_list && nclosed < CLOSED && BETWEEN_COMMITS ->
		closed[nclosed].blocks = open_list;
#ifdef BREAK_NOTE_IN_COMMIT
		closed[nclosed].era = noted;
#else
		closed[nclosed].era = KNOWN;
#endif
		KNOWN = KNOWN + 1;
		closed[nclosed].readers = sections;
		open_list = 0;
		nclosed++
	   }

	/* ds_arena_reclaim(), in a commit too: ds_partition_alloc() calls it; _recycle() */
	:: nclosed && GRACE_OVER && CAN_PASS ->
#ifdef BREAK_WAIT
		mapped_left == 0;
#endif
		d_step { pass_era() };
		d_step {
			free_closed();
			shift_closed()
		}

#ifdef BREAK_LATE_ERA
	:: d_step { era != known -> era = known }
#endif

	:: updates == UPDATES && !commit -> break
	od
}

/* The next word of a version. */
inline load_head() {
	d_step { seq = b_seq[ref]; prev = b_prev[ref] }
}

proctype kernel_reader(byte me; byte d) {
	byte reads, snapshot, want, ref, seq, prev, one, two, k;

	do
	:: reads < READS ->
#ifdef BREAK_SEQ_FIRST
		d_step { snapshot = visible_seq; want = visible[d] };
		sections = sections | BIT(me);
#else
		/* rcu_read_lock() */
		sections = sections | BIT(me);
		/* ds_partition_read() */
		d_step { snapshot = visible_seq; want = visible[d] };
#endif
		/* ds_index_lookup() */
		d_step { ref = slot[d]; hand[me] = ref };
		/* ds_partition_visible() */
		load_head();
		do
		:: seq > snapshot ->
			assert(prev);
			d_step { ref = prev; hand[me] = ref };
			load_head()
		:: else -> break
		od;
		/* copying */
		one = b_one[ref];
		two = b_two[ref];
		d_step {
			assert(one == two && one == says(d, want));
			/* rcu_read_unlock() */
			hand[me] = 0;
			sections = sections & ~BIT(me);
			do
			:: k < CLOSED ->
				closed[k].readers = closed[k].readers & ~BIT(me);
				k++
			:: else -> break
			od;
			k = 0;
			snapshot = 0; want = 0; ref = 0;
			seq = 0; prev = 0; one = 0; two = 0;
			reads++
		}
	:: else -> break
	od
}

/* Somebody stopped it, or killed it: it does no more. */
#define may_stop	if :: skip :: goto stopped fi

/*
 * What a reader copies is lost once the era is more than ERAS further: it never goes
 * back, and the reader will see that at the end. Whatever else it would do until then
 * touches nobody, so it may as well begin again now.
 */
#if defined(BREAK_NO_CHECK) || defined(BREAK_EARLY_CHECK)
#define lost		false
#else
#define lost		(era - began[me] > ERAS)
#endif

/* A step of a reader that is not lost. */
#define step(what)	if :: lost -> goto again :: d_step { !lost -> what } fi

inline mapped_copy() {
	step(seq = b_seq[ref]; prev = b_prev[ref]);
	step(one = b_one[ref]);
#ifdef BREAK_EARLY_CHECK
	now = era;
#endif
	step(two = b_two[ref])
}

proctype mapped_reader(byte me; byte d) {
	byte reads, snapshot, want, ref, seq, prev, one, two, hops, now;

	do
	:: reads < READS ->
#ifdef BREAK_SEQ_FIRST
		d_step { snapshot = visible_seq; want = visible[d] };
		began[me] = era;
#else
		began[me] = era;
		step(snapshot = visible_seq; want = visible[d]);
#endif
		may_stop;
		step(ref = slot[d]; hand[me] = ref);
		mapped_copy();
		do
		:: seq > snapshot && prev && hops < HOPS ->
			step(ref = prev; hand[me] = ref; hops++);
			mapped_copy()
		:: else -> break
		od;
		may_stop;
		d_step {
#if defined(BREAK_NO_CHECK)
			now = began[me];
#elif !defined(BREAK_EARLY_CHECK)
			now = era;
#endif
			assert(now - began[me] > ERAS ||
			       (seq <= snapshot && one == two && one == says(d, want)))
		};
again:		skip;
		d_step {
			hand[me] = 0;
			began[me] = 0;
			snapshot = 0; want = 0; ref = 0;
			seq = 0; prev = 0; one = 0; two = 0; hops = 0; now = 0;
			reads++
		}
	:: else -> break
	od;
stopped:
#ifdef BREAK_WAIT
	if
	:: reads == READS -> mapped_left--
	:: else
	fi
#endif
	skip
}

init {
	byte i;

	atomic {
		do
		:: i < DOCS ->
			slot[i] = i + 1;
			b_seq[i + 1] = 1;
			b_one[i + 1] = says(i, 1);
			b_two[i + 1] = says(i, 1);
			i++
		:: else -> break
		od;
		do
		:: i < BLOCKS -> i++; free_blocks = free_blocks | BIT(i)
		:: else -> break
		od;
		run owner();
		i = 0;
		/* All look for the same: two documents are there for each other's blocks. */
		do
		:: i < KERNEL -> run kernel_reader(i, 0); i++
		:: i >= KERNEL && i < KERNEL + MAPPED -> run mapped_reader(i, 0); i++
		:: else -> break
		od;
		i = 0
	}
}
