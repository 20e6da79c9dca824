// SPDX-License-Identifier: GPL-2.0
/*
 * Snapshots: pins, and the versions that are kept for them.
 *
 * One owner does OPS commits: each changes, deletes or makes the one document, with
 * -DTWICE maybe two times, or another one. PINS pins are taken one after the other,
 * and released at any time. A reader looks for the document, once: as of pin WHICH
 * (-DPINNED, and -DMAPPED for one that keeps on looking at what it has found), as of
 * now (-DUNPINNED), or as of the visible_seq that it has loaded (-DTOGETHER).
 *
 *	owner	ds_partition_link(), _show(), _supersede(), and in _maintain()
 *		_bury_one() and _drain(); core/past.c
 *	taker	ds_past_begin(), _collect(), _end()
 *	closer	ds_snapshot_lease_over() for the pin that is read by, else
 *		ds_snapshot_close(); ds_past_release()
 *	sweeper	ds_past_sweep()
 *	reader	ds_partition_read_pinned() in ds_session_lookup(), ds_partition_read(),
 *		or a reader of the mapping
 *
 * What is not as in the code, and why nothing is lost by it:
 *
 * - One partition and one document: decisions are made for each alone. That a vector
 *   is from one moment is for span.pml. A pin that all owners have emptied is swept
 *   away at any time later.
 * - A retired block is free at once, or never while the reader reads, and so it is
 *   with the wait of a tombstone: no grace period, nor era, could be over earlier, or
 *   end while the reader that it waits for goes on. reuse.pml and tombstone.pml have
 *   more of that. A mapped reader is in its read section up to its look at the era.
 * - Lists are sets, and drained in any order, one version at a time. Pins are looked up
 *   for each: who went meanwhile would only make the floor lower.
 * - All steps happen in one order: the full barriers are litmus/'s, and pins-first
 *   and collected-first here are what happens without them.
 * - When the reader has come to its end, all do.
 *
 * Checked:
 *
 * - who reads as of a pin finds what was visible when it was taken, or that the pin
 *   was revoked; who reads as of now what was visible at some moment meanwhile; who
 *   reads as of a visible_seq what was visible then;
 * - nobody looks at a block that is free, nor does the owner; but for mapped readers
 *   whose pin was revoked;
 * - what a mapped reader has found is not retired before the pin was revoked;
 * - no block is retired twice;
 * - when all pins are released and all is done, no pin is left, and all is free but
 *   the newest version, or that too if it is a tombstone.
 *
 * What check runs, and what must come of it:
 *
 *: ok no-leak
 *: ok no-leak-twice -DTWICE -DPINS=1
 *: ok pinned -DPINNED -DPINS=1
 *: ok pinned-two -DPINNED -DOPS=2
 *: ok unpinned -DUNPINNED -DPINS=1 -DOPS=2
 *: ok together -DTOGETHER -DPINS=1 -DOPS=2
 *: ok mapped -DPINNED -DMAPPED -DPINS=1 -DOPS=2
 *: bad pins-first -DBREAK_PINS_FIRST -DPINNED -DPINS=1 -DOPS=1
 *: bad collected-first -DBREAK_COLLECT_FIRST -DPINNED -DPINS=1 -DOPS=1
 *: bad prev-changed-unseen -DBREAK_NO_SECOND -DUNPINNED -DPINS=1 -DOPS=1
 *: bad tombstone-buried-too-early -DBREAK_BURY -DPINNED -DPINS=1 -DOPS=1
 *: bad tombstone-passed-while-pending -DBREAK_PENDING -DPINNED -DPINS=1 -DOPS=2
 *: bad replaced-tombstone-settled -DBREAK_TOMBSTONE_SETTLED -DOPS=2
 *: bad no-floor-in-search -DBREAK_NO_FLOOR_WALK -DPINS=1
 *: bad no-floor-before -DBREAK_NO_FLOOR_BEFORE -DPINNED -DPINS=1 -DOPS=2
 *: bad revoked-before-only -DBREAK_REVOKED_BEFORE -DPINNED -DPINS=1 -DOPS=1
 *: bad revoked-after-only -DBREAK_REVOKED_AFTER -DPINNED -DPINS=1 -DOPS=2
 *: bad list-dropped -DBREAK_DROP -DPINNED -DOPS=1
 *: bad needed-drained -DBREAK_DRAIN -DPINNED -DOPS=1
 *: long no-leak -DOPS=4 -DPINS=3
 *: long no-leak-twice -DOPS=4 -DTWICE -DBLOCKS=6
 *: long pinned -DPINNED
 *: long pinned-newer -DPINNED -DWHICH=1
 *: long unpinned -DUNPINNED
 *: long together -DTOGETHER
 *: long mapped -DPINNED -DMAPPED
 */
#ifndef OPS
#define OPS	3
#endif
#ifndef BLOCKS
#define BLOCKS	5
#endif
#ifndef PINS
#define PINS	2
#endif
/* Whose readers there are. */
#ifndef WHICH
#define WHICH	0
#endif

#define BIT(i)	(1 << (i))
/* Above all numbers of commits: U64_MAX. */
#define MOST	200

/* A block's words; block 0 is none. */
byte b_seq[BLOCKS + 1];
byte b_prev[BLOCKS + 1];
bool b_tombstone[BLOCKS + 1];

/* The partition's page, and the document's slot. */
byte visible_seq = 1;
byte slot;

/* Sets of blocks: free, or retired and waiting for the reader. */
byte free_blocks;
byte retired;

/* Tombstones whose slot may be given back, and those that wait for the reader. */
byte dying;
byte buried;

/* Sets of pins: those in the array, the newest is the last; and what each is. */
byte pins;
byte pending;
byte released;
byte revoked;
byte emptied;
byte s[PINS];
byte list[PINS];	/* versions that are kept for it */

/* What is checked: the visible version of the document by its seq, or 0. */
byte visible = 1;
byte want[PINS];	/* the same as of each pin */
int seen;		/* all that were while the reader reads, as a set */

/* The reader: in a read section; the block it looks at. */
bool reading;
bool looking;
bool over;
byte hand;

/* A mapped reader may go on when its pin was revoked. */
#ifdef MAPPED
#define may_be_anything	(revoked & BIT(WHICH))
#else
#define may_be_anything	false
#endif

inline retire(b) {
	assert(!((retired | free_blocks) & BIT(b)));
	if
	:: reading -> retired = retired | BIT(b)
	:: else ->
		assert(b != hand || (revoked & BIT(WHICH)));
		b_seq[b] = 0;
		b_prev[b] = 0;
		b_tombstone[b] = false;
		free_blocks = free_blocks | BIT(b)
	fi
}

/* ds_tombstones_add(): of a set, since there may be several in one commit */
inline bury(set) {
	if
	:: reading -> buried = buried | (set)
	:: else -> dying = dying | (set)
	fi
}

inline first_of(set, b) {
	b = 1;
	do
	:: !((set) & BIT(b)) -> b++
	:: else -> break
	od
}

/* ds_pins_keeper(): the newest of the pins in @array that needs it is k - 1, or k is 0. */
inline keeper(from, until) {
	k = PINS;
	do
	:: k && !((array & BIT(k - 1)) &&
		  ((pending & BIT(k - 1)) ||
		   (!(released & BIT(k - 1)) && s[k - 1] < (until)))) -> k--
	:: else -> break
	od;
	if
	:: k && !(pending & BIT(k - 1)) && s[k - 1] < (from) -> k = 0
	:: else
	fi
}

/* ds_pins_floor(), of the pins in @array */
inline find_floor() {
	floor = 0;
	do
	:: floor < PINS && !(array & BIT(floor)) -> floor++
	:: else -> break
	od;
	if
	:: floor == PINS || (pending & BIT(floor)) -> floor = MOST
	:: else -> floor = s[floor]
	fi
}

/* ds_pins_before() */
#ifdef BREAK_NO_FLOOR_BEFORE
#define before(x)	(b_prev[x])
#else
#define before(x)	(b_seq[x] > floor -> b_prev[x] : 0)
#endif

/* What is not free may be in use again: then it is newer than who leads there. */
#define older(b)	assert(!b_prev[b] || b_seq[b_prev[b]] < b_seq[b])

/* ds_past_successor(): y, or 0 */
#ifdef BREAK_NO_FLOOR_WALK
#define walks(x, y)	(b_seq[y] > b_seq[x])
#else
#define walks(x, y)	(b_seq[y] > b_seq[x] && b_seq[y] > floor)
#endif
inline successor(x) {
	y = slot;
	do
	:: y ->
		assert(!(free_blocks & BIT(y)));
		if
		:: !walks(x, y) -> y = 0
		:: walks(x, y) && b_prev[y] == x -> break
		:: else -> older(y); y = b_prev[y]
		fi
	:: !y -> break
	od
}

/* What becomes of @x: it is kept by k - 1, left out behind y, buried again, or retired. */
inline decide(x, drain) {
	y = 0;
	k = 0;
	find_floor();
	if
	:: x == slot ->
		/* ds_tombstone_keeper() */
		assert(b_tombstone[x]);
		if
		:: b_prev[x] -> keeper(0, b_seq[x])
		:: else
		fi;
#ifdef BREAK_BURY
		k = 0;
#endif
		if
		:: !k && drain -> bury(BIT(x)); x = 0
		:: else
		fi
	:: else ->
		/* ds_past_pass_on() */
#ifndef BREAK_PENDING
		if
		:: array && floor == MOST -> keep_pending()
		:: else -> successor(x)
		fi;
#else
		successor(x);
#endif
		if
		:: y -> keeper(b_seq[x], b_seq[y])
		:: else
		fi;
#ifdef BREAK_DROP
		if
		:: drain -> y = 0; k = 0
		:: else
		fi;
#endif
#ifdef BREAK_DRAIN
		if
		:: drain -> k = 0
		:: else
		fi;
#endif
	fi;
	if
	:: k -> list[k - 1] = list[k - 1] | BIT(x); x = 0
	:: else
	fi;
	if
	:: !x -> k = 0; y = 0; floor = 0
	:: else
	fi;
	array = 0
}

/* There is one pin, and what it needs is not known yet. */
inline keep_pending() {
	k = 1;
	do
	:: !(array & BIT(k - 1)) -> k++
	:: else -> break
	od
}

inline carry_out(x) {
	if
	:: d_step { x ->
		if
		:: x == slot -> slot = 0
		:: x != slot && y -> b_prev[y] = before(x)
		:: else
		fi;
		retire(x);
		x = 0; y = 0; floor = 0
	   }
	:: !x
	fi
}

/* ds_partition_link() */
inline make() {
	first_of(free_blocks, b);
	free_blocks = free_blocks & ~BIT(b);
	old = slot;
	b_seq[b] = commit;
	b_tombstone[b] = delete;
	if
	:: old && b_seq[old] == commit -> b_prev[b] = b_prev[old]
	:: else -> b_prev[b] = old
	fi;
	slot = b;
	if
	:: old && b_seq[old] == commit && !b_tombstone[old] -> retire(old)
	:: else
	fi;
	if
	:: delete -> tombs = tombs | BIT(b)
	:: else
	fi;
	b = 0; old = 0; delete = false
}

inline operation() {
	if
	:: slot && !b_tombstone[slot] -> delete = true
	:: delete = false
	fi;
	make();
	i = true
}

inline drain(n) {
	atomic { (pins & BIT(n)) && (released & BIT(n)) && list[n] ->
		first_of(list[n], b); list[n] = list[n] & ~BIT(b);
		array = pins };
	d_step { decide(b, true) };
	carry_out(b)
}

#define may_empty(n)	((pins & ~emptied & released & BIT(n)) && !list[n])

proctype owner() provided (!over) {
	byte ops, commit, b, old, y, k, array, floor, tombs;
	bool delete, i;

end:	do
	:: atomic { ops < OPS ->
		ops++;
		commit = visible_seq + 1;
		if
		:: free_blocks -> operation()
		:: true
		fi
	   };
#ifdef TWICE
	   if
	   :: atomic { i && free_blocks -> operation() }
	   :: true
	   fi;
#endif
#ifdef BREAK_PINS_FIRST
	   array = pins;
#endif
	   atomic {
		visible_seq = commit;
		if
		:: i -> visible = (b_tombstone[slot] -> 0 : commit)
		:: else
		fi;
		if
		:: looking -> seen = seen | BIT(visible)
		:: else
		fi;
		bury(tombs);
		tombs = 0;
		commit = 0
	   };
	   /* smp_mb() */
#ifndef BREAK_PINS_FIRST
	   array = pins;
#endif
	   /* ds_partition_supersede() */
	   d_step {
		old = (i -> b_prev[slot] : 0);
		i = false;
		if
		:: old && array -> keeper(b_seq[old], b_seq[slot]);
			if
			:: k && !b_tombstone[old] -> list[k - 1] = list[k - 1] | BIT(old)
			:: else
			fi;
			if
			:: k -> old = 0
			:: !k -> y = slot; find_floor()
			fi
		:: else
		fi;
		k = 0;
		array = 0
	   };
	   if
	   :: d_step { old ->
		if
		:: y -> b_prev[y] = before(old)
		:: else
		fi;
		/* A tombstone is in a list already, and decided about there. */
		if
#ifdef BREAK_TOMBSTONE_SETTLED
		:: true -> retire(old)
#else
		:: !b_tombstone[old] -> retire(old)
		:: else
#endif
		fi;
		old = 0; y = 0; floor = 0
	      }
	   :: !old
	   fi

	/* ds_partition_drain() */
	:: drain(0)
	:: d_step { may_empty(0) -> emptied = emptied | BIT(0) }
#if PINS > 1
	:: drain(1)
	:: d_step { may_empty(1) -> emptied = emptied | BIT(1) }
#endif
#if PINS > 2
	:: drain(2)
	:: d_step { may_empty(2) -> emptied = emptied | BIT(2) }
#endif
	/* ds_partition_bury_one() */
	:: atomic { dying -> first_of(dying, b); dying = dying & ~BIT(b); array = pins };
		d_step { decide(b, false) };
		carry_out(b)
	od
}

proctype taker() provided (!over) {
	byte i, seq;

	do
	:: i < PINS ->
#ifdef BREAK_COLLECT_FIRST
		d_step { seq = visible_seq; want[i] = visible };
		d_step { pending = pending | BIT(i); pins = pins | BIT(i) };
#else
		d_step { pending = pending | BIT(i); pins = pins | BIT(i) };
		/* smp_mb() */
		d_step { seq = visible_seq; want[i] = visible };
#endif
		d_step { s[i] = seq; pending = pending & ~BIT(i); seq = 0; i++ }
	:: i == PINS -> break
	od
}

#ifdef PINNED
#define watched(i)	((i) == WHICH)
#else
#define watched(i)	false
#endif

proctype closer(byte i) provided (!over) {
end:	if
	:: d_step { watched(i) && (pins & ~pending & BIT(i)) -> revoked = revoked | BIT(i) };
		released = released | BIT(i)
	:: d_step { !watched(i) && (pins & ~pending & BIT(i)) -> released = released | BIT(i) }
	fi
}

/* Not while a pin is being taken: pins_lock. */
proctype sweeper() provided (!over) {
end:	do
	:: d_step { emptied && !pending -> pins = pins & ~emptied; emptied = 0 }
	od
}

inline look_at(block) {
	b = block;
	hand = b;
	assert(!(free_blocks & BIT(b)) || may_be_anything)
}

inline finish() {
	over = true;
	do
	:: over
	od
}

#if defined(PINNED)
proctype reader() {
	byte seq, b, was;

end:	atomic { s[WHICH] && !(pending & BIT(WHICH)) ->
		seq = s[WHICH]; was = want[WHICH];
		reading = true };
#if !defined(MAPPED) && !defined(BREAK_REVOKED_AFTER)
	if
	:: revoked & BIT(WHICH) -> goto done
	:: else
	fi;
#endif
	d_step { look_at(slot) };
	do
	:: d_step { b && b_seq[b] > seq ->
		if
		:: !may_be_anything -> older(b)
		:: else
		fi;
		look_at(b_prev[b])
	   }
	:: !b || b_seq[b] <= seq -> break
	od;
#ifdef MAPPED
	/* It relies on no tombstone, and on a version as long as the pin holds. */
	atomic {
		if
		:: b && b_tombstone[b] -> b = 0; hand = 0
		:: else
		fi;
		reading = false
	};
	assert(!((retired | free_blocks) & BIT(b)) || may_be_anything);
#endif
	atomic {
		seq = ((!b || b_tombstone[b]) -> 0 : b_seq[b]);
#ifdef BREAK_REVOKED_BEFORE
		assert(seq == was)
#else
		assert((revoked & BIT(WHICH)) || seq == was)
#endif
	};
done:	finish()
}
#elif defined(UNPINNED)
proctype reader() {
	byte seq, b, first;

	d_step { looking = true; seen = BIT(visible); reading = true };
again:	d_step { look_at(slot) };
	seq = visible_seq;
	if
	:: d_step { b && b_seq[b] > seq -> first = b_prev[b] };
#ifndef BREAK_NO_SECOND
		if
		:: d_step { visible_seq < b_seq[b] -> look_at(first) }
		:: else
		fi
#else
		d_step { look_at(first) }
#endif
	:: !b || b_seq[b] <= seq
	fi;
	atomic {
		seq = ((!b || b_tombstone[b]) -> 0 : b_seq[b]);
		assert(!(free_blocks & BIT(b)));
		assert(seen & BIT(seq))
	};
	finish()
}
#elif defined(TOGETHER)
proctype reader() {
	byte seq, b, was;

	reading = true;
again:	atomic { seq = visible_seq; was = visible };
	d_step { look_at(slot) };
	if
	:: d_step { b && b_seq[b] > seq -> look_at(b_prev[b]) };
		if
		:: atomic { visible_seq != seq -> b = 0; hand = 0 }; goto again
		:: else
		fi
	:: !b || b_seq[b] <= seq
	fi;
	atomic {
		seq = ((!b || b_tombstone[b]) -> 0 : b_seq[b]);
		assert(!(free_blocks & BIT(b)));
		assert(seq == was)
	};
	finish()
}
#endif

proctype judge() {
	byte live;
	timeout;
	d_step {
		live = free_blocks;
		assert(!pins && !buried && !dying && !retired);
		assert((live | BIT(0) | BIT(slot)) == BIT(BLOCKS + 1) - 1);
		assert(!slot || !((live & BIT(slot)) || b_tombstone[slot]))
	}
}

init {
	byte i;

	atomic {
		slot = 1;
		b_seq[1] = 1;
		i = 1;
		do
		:: i < BLOCKS -> i++; free_blocks = free_blocks | BIT(i)
		:: else -> break
		od;
		i = 0;
		run owner();
		run taker();
		run sweeper();
		do
		:: i < PINS -> run closer(i); i++
		:: else -> break
		od;
		i = 0;
#if defined(PINNED) || defined(UNPINNED) || defined(TOGETHER)
		run reader();
#else
		run judge()
#endif
	}
}
