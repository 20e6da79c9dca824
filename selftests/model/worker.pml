// SPDX-License-Identifier: GPL-2.0
/*
 * Who owns a partition, who is handed it, and how workers come to an end.
 *
 * SUBMITTERS carry out one part each in the partition, if it is lent to them, or add
 * it to the partition's queue, and maybe take it back. Two workers may be handed the partition; the first one's CPU goes away
 * at some time.
 *
 *	submitter	ds_owner_lend(), ds_part_queue(), ds_owner_kick(),
 *			ds_worker_hand_over(),
 *			ds_request_cancel(), ds_request_wait()
 *	maintain	ds_maintain_work()
 *	worker		ds_worker_thread(), ds_owner_work(), ds_owned_release()
 *	offline		ds_worker_offline()
 *
 * What is not as in the code, and why nothing is lost by it:
 *
 * - A queue is a set, and a list of partitions is a flag: there is one partition.
 * - A worker takes its queue twice, and not eight times, before it hands the
 *   partition to itself again.
 * - All steps happen in one order: see owned-queue, owned-maintain, owned-data,
 *   worker-wake and worker-stop in litmus/.
 * - offline waits until nobody is in a read section that found the old table, as
 *   synchronize_rcu() does, and for no other.
 * - A worker that hands the partition to itself is no different from others who
 *   hand it over.
 *
 * Checked: nobody but the owner works on the partition; each part is carried out
 * or canceled, once; all come to an end, so that no part, and no wake-up, is lost.
 *
 * What check runs, and what must come of it:
 *
 *: ok two-submitters
 *: stuck stop-seen-late -DBREAK_STOP_LATE
 *: stuck no-second-look -DBREAK_NO_LOOK
 *: stuck maintain-bit-overlooked -DBREAK_NO_MAINTAIN
 *: stuck sleeps-too-early -DBREAK_STATE_LATE
 *: stuck no-grace-period -DBREAK_NO_GRACE
 *: stuck lender-never-looks -DBREAK_LEND_NO_LOOK
 *: bad not-owned -DBREAK_NOT_OWNED
 *: bad lent-though-owned -DBREAK_LEND_OWNED
 *: bad canceled-without-cmpxchg -DBREAK_CANCEL
 *: ok two-never-lent -DNO_LEND
 *: long three-submitters -DSUBMITTERS=3 -DNO_CANCEL
 *: long three-canceling -DSUBMITTERS=3
 *: long four-submitters -DSUBMITTERS=4 -DNO_CANCEL
 */
#ifndef SUBMITTERS
#define SUBMITTERS 2
#endif
#define WORKERS	2
#define ROUNDS	2

#define BIT(i)	(1 << (i))

/* The partition: its queue, the two bits of its state, and who works on it. */
byte queue;
bool owned;
bool asked;
byte owners;

/* States of parts. */
#define NEW		0
#define QUEUED		1
#define PROCESSING	2
#define CANCELED	3
#define DONE		4
byte part[SUBMITTERS];

/* Workers: is the partition in the list, does the thread sleep, is it to stop. */
bool ready[WORKERS];
bool sleeps[WORKERS];
bool stop[WORKERS];
bool ended[WORKERS];

/* The worker that the table leads to, and readers of what it was before. */
byte table;
byte readers;

/* ds_worker_hand_over() */
inline hand_over() {
	d_step { w = table; readers = (w == 0 -> readers + 1 : readers) };
	ready[w] = true;
	/* wake_up_process() */
	d_step { sleeps[w] = false; readers = (w == 0 -> readers - 1 : readers); w = 0 }
}

/* ds_owner_kick() */
inline kick() {
#ifdef BREAK_NOT_OWNED
	if
	:: true -> owned = true; hand_over()
#else
	if
	:: d_step { !owned -> owned = true }; hand_over()
	:: owned
#endif
	fi
}

/* ds_owner_lend() */
inline lend() {
	if
	:: true		/* there is too much to do */
	:: queue
	:: !queue ->
		if
#ifdef BREAK_LEND_OWNED
		:: true ->
#else
		:: owned
		:: d_step { !owned -> owned = true } ->
#endif
			d_step {
				owners++;
				assert(owners == 1)
			};
			d_step { part[me] = DONE; owners-- };
			/* ds_owned_release() */
			owned = false;
#ifndef BREAK_LEND_NO_LOOK
			if
			:: queue || asked -> kick()
			:: else
			fi
#endif
		fi
	fi
}

proctype submitter(byte me) {
	byte w;

#ifndef NO_LEND
	lend();
	if
	:: part[me] == DONE -> goto done
	:: else
	fi;
#endif
	part[me] = QUEUED;
	queue = queue | BIT(me);
	kick();
	/* ds_request_wait(), ds_request_cancel() */
	if
	:: part[me] == DONE
#ifndef NO_CANCEL
#ifdef BREAK_CANCEL
	:: part[me] == QUEUED -> part[me] = CANCELED
#else
	:: d_step { part[me] == QUEUED -> part[me] = CANCELED }
#endif
#endif
	fi;
done:	skip
}

proctype maintain() {
	byte w;

	asked = true;
	kick()
}

/* ds_owned_commit() */
inline commit() {
	d_step {
		owners++;
		assert(owners == 1)
	};
	i = 0;
	do
	:: i < SUBMITTERS && !(list & BIT(i)) -> i++
	:: i < SUBMITTERS && (list & BIT(i)) ->
		/* ds_part_begin() */
		if
		:: d_step { part[i] == QUEUED -> part[i] = PROCESSING };
			d_step {
				assert(part[i] == PROCESSING);
				part[i] = DONE
			}
		:: d_step { part[i] != QUEUED -> assert(part[i] == CANCELED) }
		fi;
		i++
	:: i == SUBMITTERS -> break
	od;
	atomic { i = 0; list = 0; owners-- }
}

proctype worker(byte me) {
	byte list, i, w, rounds;
	bool taken, stopping;

	do
	:: true ->
#ifndef BREAK_STATE_LATE
		/* set_current_state() */
		sleeps[me] = true;
#endif
#ifndef BREAK_STOP_LATE
		stopping = stop[me];
#endif
		d_step { taken = ready[me]; ready[me] = false };
		if
		:: !taken ->
#ifdef BREAK_STOP_LATE
			stopping = stop[me];
#endif
			if
			:: stopping -> break
			:: else
			fi;
#ifdef BREAK_STATE_LATE
			sleeps[me] = true;
#endif
			/* schedule() */
end:			!sleeps[me]
		:: taken ->
			d_step { sleeps[me] = false; taken = false };
			/* ds_owner_work() */
			rounds = 0;
			do
			:: rounds < ROUNDS ->
				d_step { list = queue; queue = 0 };
				if
				:: !list -> break
				:: else -> commit(); rounds++
				fi
			:: rounds == ROUNDS -> break
			od;
			asked = false;
			if
			:: rounds == ROUNDS -> rounds = 0; hand_over()
			:: else ->
				rounds = 0;
				/* ds_owned_release() */
				owned = false;
#ifndef BREAK_NO_LOOK
				if
#ifdef BREAK_NO_MAINTAIN
				:: queue -> kick()
#else
				:: queue || asked -> kick()
#endif
				:: else
				fi
#endif
			fi
		fi
	od;
	ended[me] = true
}

proctype offline() {
	/* ds_workers_change() */
	table = 1;
	/* synchronize_rcu() */
#ifndef BREAK_NO_GRACE
	!readers;
#endif
	/* kthread_stop() */
	stop[0] = true;
	sleeps[0] = false;
	ended[0]
}

/* In the end nothing may be left. */
proctype judge() {
	timeout;
	if
	:: !queue && !owned && !asked && !ready[0] && !ready[1]
	fi
}

init {
	byte i;

	atomic {
		do
		:: i < SUBMITTERS -> run submitter(i); i++
		:: else -> break
		od;
		i = 0;
		run maintain();
		run worker(0);
		run worker(1);
		run offline();
		run judge()
	}
}
