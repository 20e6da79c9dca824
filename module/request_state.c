// SPDX-License-Identifier: GPL-2.0
/*
 * The states of a request: which may follow which, and when it came to each.
 *
 *	NEW -> PARSING -> VALIDATED -> PROCESSING -> COMPLETE -> SENDING -> DONE
 *	          |           |            |            |           |
 *	          +-----------+------------+-> ERROR <--------------+
 *	                                                +-> DONE, where there is nothing
 *	                                                    to send
 *
 * A request of several parts is PROCESSING when an owner has begun with the first one.
 * Whether a part may still be taken back is decided by the part's own state; see
 * request.c.
 */
#include <linux/bug.h>
#include <linux/jiffies.h>
#include <linux/percpu.h>
#include <linux/sched/clock.h>

#include "request.h"
#include "stats.h"
#include "store.h"
#include "trace.h"

static const struct {
	const char *name;
	u32 next;
} ds_request_states[DS_REQUEST_STATES] = {
	[DS_REQUEST_NEW] = { "NEW", BIT(DS_REQUEST_PARSING) },
	[DS_REQUEST_PARSING] = { "PARSING",
				 BIT(DS_REQUEST_VALIDATED) | BIT(DS_REQUEST_ERROR) },
	[DS_REQUEST_VALIDATED] = { "VALIDATED",
				   BIT(DS_REQUEST_PROCESSING) | BIT(DS_REQUEST_ERROR) },
	[DS_REQUEST_PROCESSING] = { "PROCESSING",
				    BIT(DS_REQUEST_COMPLETE) | BIT(DS_REQUEST_ERROR) },
	[DS_REQUEST_COMPLETE] = { "COMPLETE",
				  BIT(DS_REQUEST_SENDING) | BIT(DS_REQUEST_DONE) },
	[DS_REQUEST_SENDING] = { "SENDING", BIT(DS_REQUEST_DONE) | BIT(DS_REQUEST_ERROR) },
	[DS_REQUEST_DONE] = { "DONE", 0 },
	[DS_REQUEST_ERROR] = { "ERROR", 0 },
};

static DEFINE_PER_CPU(u64, ds_request_refused);

/**
 * ds_request_state_name() - the name of a state
 * @state: enum ds_request_state, or anything
 *
 * Return: the name.
 */
const char *ds_request_state_name(u32 state)
{
	return state < DS_REQUEST_STATES ? ds_request_states[state].name : "?";
}

/**
 * ds_request_illegal() - how many changes of state were refused
 *
 * Return: the number.
 */
u64 ds_request_illegal(void)
{
	unsigned int cpu;
	u64 sum = 0;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu(ds_request_refused, cpu));
	return sum;
}

static void ds_request_came_to(struct ds_request *request, enum ds_request_state from,
			       enum ds_request_state to)
{
	struct ds_request_life *life = &request->life;

	WRITE_ONCE(life->since, jiffies);
	/* When it was complete is noted by who has completed it. */
	if (life->timed && !life->at[to])
		WRITE_ONCE(life->at[to], local_clock());
	trace_docstore_request(request, from, to);
}

/**
 * ds_request_move() - change the state of a request
 * @request: the request
 * @from: where it stands
 * @to: where it is to stand
 *
 * Return: false if that is not where it stands, or the one may not follow the other: then
 * nothing has changed, and there is a warning the first time.
 */
bool ds_request_move(struct ds_request *request, enum ds_request_state from,
		     enum ds_request_state to)
{
	/* Full barrier: what was done before is seen by who sees the state. */
	if (likely((ds_request_states[from].next & BIT(to)) &&
		   atomic_cmpxchg(&request->life.state, from, to) == from)) {
		ds_request_came_to(request, from, to);
		return true;
	}
	this_cpu_inc(ds_request_refused);
	WARN_ONCE(1, "docstore: a request was to go from %s to %s, and is %s\n",
		  ds_request_state_name(from), ds_request_state_name(to),
		  ds_request_state_name(atomic_read(&request->life.state)));
	return false;
}

/**
 * ds_request_processing() - an owner has begun with a request, maybe not the first one
 * @request: the request, which is VALIDATED or PROCESSING
 *
 * Context: an owner, or a submitter that has borrowed a partition.
 */
void ds_request_processing(struct ds_request *request)
{
	atomic_t *state = &request->life.state;

	if (atomic_read(state) == DS_REQUEST_PROCESSING)
		return;
	/* The other parts' owners may do this at the same time. */
	if (request->nparts > 1 && !request->span) {
		if (atomic_cmpxchg(state, DS_REQUEST_VALIDATED, DS_REQUEST_PROCESSING) ==
		    DS_REQUEST_VALIDATED)
			ds_request_came_to(request, DS_REQUEST_VALIDATED,
					   DS_REQUEST_PROCESSING);
		return;
	}
	ds_request_move(request, DS_REQUEST_VALIDATED, DS_REQUEST_PROCESSING);
}

/**
 * ds_request_fail() - a request has failed as a whole
 * @request: the request, with which nobody else has anything to do any more
 * @error: why, a negative errno
 */
void ds_request_fail(struct ds_request *request, int error)
{
	struct ds_request_life *life = &request->life;
	u32 state = atomic_read(&life->state);

	WRITE_ONCE(life->error, error);
	WRITE_ONCE(life->error_state, state);
	ds_request_move(request, state, DS_REQUEST_ERROR);
}

/**
 * ds_request_done() - a request is over, and has not failed
 * @request: the request, SENDING, or COMPLETE with nothing to send
 */
void ds_request_done(struct ds_request *request)
{
	const struct ds_request_life *life = &request->life;
	u32 state = atomic_read(&life->state);

	if (!ds_request_move(request, state, DS_REQUEST_DONE) || !life->timed ||
	    state != DS_REQUEST_SENDING)
		return;
	ds_stats_latency(request->store, DOCSTORE_STAGE_PARSE,
			 life->at[DS_REQUEST_PARSING], life->at[DS_REQUEST_VALIDATED]);
	ds_stats_latency(request->store, DOCSTORE_STAGE_WAIT,
			 life->at[DS_REQUEST_VALIDATED], life->at[DS_REQUEST_PROCESSING]);
	ds_stats_latency(request->store, DOCSTORE_STAGE_PROCESS,
			 life->at[DS_REQUEST_PROCESSING], life->at[DS_REQUEST_COMPLETE]);
	ds_stats_latency(request->store, DOCSTORE_STAGE_SEND,
			 life->at[DS_REQUEST_COMPLETE], life->at[DS_REQUEST_DONE]);
	ds_stats_latency(request->store, DOCSTORE_STAGE_TOTAL,
			 life->at[DS_REQUEST_PARSING], life->at[DS_REQUEST_DONE]);
}
