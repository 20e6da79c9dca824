// SPDX-License-Identifier: GPL-2.0
/*
 * Atomic batches that span partitions: the coordinator.
 *
 * Two partitions. Batches 0 and 1 span both (with -DONE_SPAN only 0); batch 2 is of
 * partition 0 alone (none with -DNO_SINGLE). The submitter of one that spans first tries
 * to be lent what it needs (-DLEND), and queues if that is not to be had; what is queued
 * may be canceled at any time. With -DREADER someone collects the numbers of both
 * partitions, and batch 3 is of partition 1 alone, once batch 2 has returned.
 *
 *	submitter	ds_coordinator_lend(), ds_coordinator_queue() with
 *			ds_coordinator_next(); of batch 2 ds_part_enqueue()
 *	canceler	ds_request_cancel()
 *	worker		ds_owner_work() with ds_owned_run(), ds_coordinator_claim(),
 *			ds_owned_release()
 *	reader		ds_past_try()
 *
 * What is not as in the code, and why nothing is lost by it:
 *
 * - A worker is a process for each partition, which waits to own it: how partitions are
 *   handed over to workers is for worker.pml.
 * - A queue is a channel, taken out of one by one, or wholly into @rest by a worker that
 *   comes to a claim, which in the code takes all that is queued at its beginning. What
 *   matters is that it goes on with @rest first.
 * - The coordinator's lock is a step. Single batches are never lent: they would do no
 *   more than take a partition and give it back, as they do here by way of the worker.
 * - Conditions that fail, and memory that is short, only leave out the publication.
 * - All steps happen in one order: litmus/ has the epoch, and who owned before.
 *
 * Checked:
 *
 * - one owner of a partition at a time, and one batch that spans at a time;
 * - no reader sees half of a batch, or what was begun after another had returned without
 *   that one;
 * - a batch is carried out once, in all its partitions, or canceled and in none;
 * - nobody waits in the end: each batch is done or canceled, each partition idle, each
 *   queue empty.
 *
 * What check runs, and what must come of it:
 *
 *: ok queued
 *: ok lent -DLEND
 *: ok reader -DREADER -DNO_SINGLE
 *: ok reader-lent -DREADER -DLEND -DNO_SINGLE
 *: ok reader-singles -DREADER -DONE_SPAN
 *: bad no-epoch -DBREAK_EPOCH -DREADER -DNO_SINGLE
 *: bad single-collect -DBREAK_COLLECT -DREADER -DONE_SPAN
 *: bad goes-on-while-held -DBREAK_HELD
 *: bad cancel-without-cmpxchg -DBREAK_CMPXCHG
 *: bad lend-without-turn -DBREAK_TURN -DLEND
 *: bad canceled-keeps -DBREAK_GIVE_BACK
 *: bad next-not-begun -DBREAK_NEXT
 *: bad canceled-ends-queue -DBREAK_SKIP
 *: bad lend-does-not-begin-next -DBREAK_LEND_NEXT -DLEND
 *: bad lend-before-queue -DBREAK_LEND_QUEUE -DLEND
 *: bad rest-forgotten -DBREAK_REST
 *: long all -DREADER -DLEND
 */
#define NONE	4

/* What becomes of a batch. */
#define NEW		0
#define QUEUED		1
#define PROCESSING	2
#define CANCELED	3
#define DONE		4
byte state[4];
byte carried[4];	/* in how many partitions */

/* Partitions: DS_OWNED_BIT, the queue, and what a worker has taken out of it. */
bool owned[2];
chan queue[2] = [3] of { byte };
chan rest[2] = [3] of { byte };
/* Who is in it, between a beginning and an end: checked. */
byte inside[2];
/* ds_worker_hand_over(): its worker owns it now. */
bool handed[2];

/* The coordinator. */
chan waiting = [2] of { byte };
bool busy;
byte claims;
byte turns;		/* how many have it: checked */

/* The mapping. A batch that spans counts 2, so that others can be told from it. */
byte visible_seq[2];
bool epoch;		/* its lowest bit */
byte epochs;

inline enter(p) {
	d_step { inside[p]++; assert(inside[p] == 1) }
}

inline leave(p) {
	inside[p]--
}

/* ds_owner_kick() */
inline kick(p) {
	d_step {
		if
		:: !owned[p] -> owned[p] = true; handed[p] = true
		:: else
		fi
	}
}

/* ds_owned_release() */
inline release(p) {
	owned[p] = false;
	if
	:: nempty(queue[p]) -> kick(p)
	:: empty(queue[p])
	fi
}

/* ds_coordinator_next(): @b is for use here */
inline next(b) {
	do
	:: atomic {
		if
		:: waiting?b ->
			if
			:: state[b] == CANCELED ->
#ifdef BREAK_SKIP
				busy = false; b = NONE; break
#endif
			:: else -> claims = 2; break
			fi
		:: empty(waiting) -> busy = false; b = NONE; break
		fi
	   }
	od;
	if
	:: b != NONE ->
		queue[0]!b; kick(0);
		queue[1]!b; kick(1)
	:: else
	fi;
	b = NONE
}

/* ds_span_run(): both partitions are held. */
inline run_span(b) {
	d_step { turns++; assert(turns == 1) };
	enter(0); enter(1);
#ifndef BREAK_EPOCH
	epoch = true;
#endif
	/* smp_wmb() */
	visible_seq[0] = visible_seq[0] + 2;
	visible_seq[1] = visible_seq[1] + 2;
	d_step {
#ifndef BREAK_EPOCH
		epoch = false;
		epochs++;
#endif
		assert(state[b] == PROCESSING);
		carried[b] = carried[b] + 2
	};
	leave(0); leave(1);
	turns--
}

/* A single batch, in the partition that its worker owns */
inline carry_out_single(p, b) {
	enter(p);
	if
	:: d_step { state[b] == QUEUED -> state[b] = PROCESSING };
		visible_seq[p]++;
		d_step { state[b] = DONE; carried[b]++ }
	fi;
	leave(p)
}

/* ds_coordinator_claim(): all partitions are held, of which the caller owned @p. */
inline completed(p, b) {
	if
#ifdef BREAK_CMPXCHG
	:: state[b] == QUEUED; state[b] = PROCESSING; run_span(b)
#else
	:: d_step { state[b] == QUEUED -> state[b] = PROCESSING }; run_span(b)
#endif
	:: state[b] == CANCELED
#ifdef BREAK_GIVE_BACK
		-> goto held
#endif
	fi;
	/* ds_worker_hand_over() */
	handed[1 - p] = true;
	if
	:: d_step { state[b] == PROCESSING -> state[b] = DONE }
	:: else
	fi;
#ifdef BREAK_NEXT
	busy = false;
	b = NONE
#else
	next(b)
#endif
}

/* ds_owner_work() */
proctype worker(byte p) {
	byte b = NONE, c = NONE;

end:	do
	:: d_step { handed[p] -> handed[p] = false };
		assert(owned[p]);
		do
		:: atomic { rest[p]?b };
			if
			:: b >= 2 ->
				carry_out_single(p, b)
			:: else ->
				/* For who goes on with it: see ds_owned_run(). */
#ifdef BREAK_REST
				atomic { do :: rest[p]?c :: empty(rest[p]) -> break od };
#endif
				if
				:: d_step { claims > 1 -> claims--; b = NONE };
#ifndef BREAK_HELD
					goto held
#else
					skip
#endif
				:: d_step { claims == 1 -> claims-- };
					completed(p, b)
				fi
			fi
		:: atomic { empty(rest[p]) && nempty(queue[p]) ->
			/* The whole queue. */
			do
			:: queue[p]?b -> rest[p]!b
			:: empty(queue[p]) -> b = NONE; break
			od
		   }
		:: empty(rest[p]) && empty(queue[p]) -> break
		od;
		release(p);
held:		skip
	od
}

/* ds_coordinator_try() */
#ifdef BREAK_TURN
#define may_have_turn	true
#else
#define may_have_turn	(!busy && empty(waiting))
#endif

/* ds_owner_try() */
#ifdef BREAK_LEND_QUEUE
#define may_lend(p)	true
#else
#define may_lend(p)	(!owned[p] && empty(queue[p]))
#endif

/* ds_coordinator_lend(): false if @b is to be queued */
inline lend(b) {
	i = false;
	if
	:: d_step { may_have_turn -> busy = true };
		if
		:: d_step { may_lend(0) -> owned[0] = true };
			if
			:: d_step { may_lend(1) -> owned[1] = true };
				state[b] = PROCESSING;
				run_span(b);
				state[b] = DONE;
				i = true;
				release(1)
			:: else
			fi;
			release(0)
		:: else
		fi;
#ifndef BREAK_LEND_NEXT
		next(c)
#endif
	:: else
	fi
}

/* ds_request_run() of one that spans */
proctype submitter(byte b) {
	byte c = NONE;
	bool i;

#ifdef LEND
	lend(b);
	if
	:: i -> goto done
	:: else
	fi;
#endif
	state[b] = QUEUED;
	/* ds_coordinator_queue() */
	atomic { waiting!b; i = !busy; busy = true };
	if
	:: i -> next(c)
	:: else
	fi;
done:	skip
}

/* ds_request_cancel(), at any time or never */
proctype canceler(byte b) {
end:	if
#ifdef BREAK_CMPXCHG
	:: state[b] == QUEUED; state[b] = CANCELED
#else
	:: d_step { state[b] == QUEUED -> state[b] = CANCELED }
#endif
	fi
}

#ifndef NO_SINGLE
proctype single() {
	state[2] = QUEUED;
	queue[0]!2;
	kick(0);
#ifdef READER
	/* Who has seen the one returned goes on with another. */
	state[2] == DONE;
	state[3] = QUEUED;
	queue[1]!3;
	kick(1)
#endif
}
#endif

#ifdef READER
/* ds_past_try() until it succeeds */
proctype reader() {
	byte e, s0, s1;

again:	atomic { !epoch -> e = epochs };
	s0 = visible_seq[0];
	s1 = visible_seq[1];
#ifndef BREAK_COLLECT
	if
	:: visible_seq[0] != s0 -> goto again
	:: else
	fi;
	if
	:: visible_seq[1] != s1 -> goto again
	:: else
	fi;
#endif
	if
	:: epoch || epochs != e -> goto again
	:: else
	fi;
	/* All of a batch that spans, and nothing without what had returned before. */
	assert(s0 / 2 == s1 / 2);
	assert(!(s1 & 1) || (s0 & 1))
}
#endif

/* Whatever was done is whole; whoever should have gone is. */
proctype judge() {
	timeout;
	d_step {
		assert(state[0] == DONE || state[0] == CANCELED);
#ifndef ONE_SPAN
		assert(state[1] == DONE || state[1] == CANCELED);
#endif
		assert(carried[0] == (state[0] == DONE -> 2 : 0));
		assert(carried[1] == (state[1] == DONE -> 2 : 0));
#ifndef NO_SINGLE
		assert(state[2] == DONE && carried[2] == 1);
#endif
		assert(!owned[0] && !owned[1] && !busy && !turns);
		assert(empty(queue[0]) && empty(queue[1]) && empty(waiting));
		assert(empty(rest[0]) && empty(rest[1]))
	}
}

init {
	atomic {
		run worker(0);
		run worker(1);
		run submitter(0);
		run canceler(0);
#ifndef ONE_SPAN
		run submitter(1);
		run canceler(1);
#endif
#ifndef NO_SINGLE
		run single();
#endif
#ifdef READER
		run reader();
#endif
		run judge()
	}
}
