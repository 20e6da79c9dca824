/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The states of a request.
 */
#ifndef _DOCSTORE_REQUEST_STATE_H
#define _DOCSTORE_REQUEST_STATE_H

#include <linux/atomic.h>
#include <linux/types.h>

struct ds_request;

/**
 * enum ds_request_state - where a request stands
 * @DS_REQUEST_NEW: it is memory for one, and nothing else
 * @DS_REQUEST_PARSING: it is copied from user space and checked
 * @DS_REQUEST_VALIDATED: it waits for its turn; a signal, a timeout or the end of a ring
 *	takes it back, and nothing of it is done
 * @DS_REQUEST_PROCESSING: an owner has begun with it, and it will be finished
 * @DS_REQUEST_COMPLETE: it was carried out
 * @DS_REQUEST_SENDING: its results are copied to user space
 * @DS_REQUEST_DONE: that was it
 * @DS_REQUEST_ERROR: it has failed as a whole
 * @DS_REQUEST_STATES: how many there are
 */
enum ds_request_state {
	DS_REQUEST_NEW,
	DS_REQUEST_PARSING,
	DS_REQUEST_VALIDATED,
	DS_REQUEST_PROCESSING,
	DS_REQUEST_COMPLETE,
	DS_REQUEST_SENDING,
	DS_REQUEST_DONE,
	DS_REQUEST_ERROR,
	DS_REQUEST_STATES,
};

/**
 * struct ds_request_life - the state of a request, and how it came there
 * @state: enum ds_request_state; every change is one cmpxchg
 * @error: why it has failed, a negative errno
 * @error_state: where it stood then
 * @reported: the watchdog has reported this state, plus one
 * @timed: the times below are taken
 * @since: when it came to its state, in jiffies
 * @at: when it came to each state, by local_clock(); 0 for never
 *
 * Looked at by anybody, as of one time or another; see request_pool.c.
 */
struct ds_request_life {
	atomic_t state;
	int error;
	u8 error_state;
	u8 reported;
	bool timed;
	unsigned long since;
	u64 at[DS_REQUEST_STATES];
};

bool ds_request_move(struct ds_request *request, enum ds_request_state from,
		     enum ds_request_state to);
void ds_request_processing(struct ds_request *request);
void ds_request_fail(struct ds_request *request, int error);
void ds_request_done(struct ds_request *request);
const char *ds_request_state_name(u32 state);
u64 ds_request_illegal(void);

#endif /* _DOCSTORE_REQUEST_STATE_H */
