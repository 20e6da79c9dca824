// SPDX-License-Identifier: GPL-2.0
/*
 * The watchdog looks through all requests from time to time. One that has been in its
 * state for longer than its store's watchdog_ms is counted and traced, once for each
 * state; the first one after a while in which there was none is described in the log,
 * with all others that are under way.
 */
#include <linux/jiffies.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/workqueue.h>

#include "request.h"
#include "stats.h"
#include "store.h"
#include "trace.h"
#include "watchdog.h"

/* How often it looks. */
#define DS_WATCHDOG_PAUSE	(HZ / 2)
/* So many requests are described at most. */
#define DS_WATCHDOG_DUMP	16

/* What is found in one look: those that are stuck, and others to be shown with them. */
struct ds_watchdog_look {
	struct ds_request_view stuck[DS_WATCHDOG_DUMP];
	struct ds_request_view other[DS_WATCHDOG_DUMP];
	u32 nstuck;
	u32 nother;
	u32 more;
};

static void ds_watchdog_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(ds_watchdog, ds_watchdog_work);
static struct ds_watchdog_look ds_watchdog_look;
static u64 ds_watchdog_count;

/**
 * ds_watchdog_stuck() - how many requests were reported
 *
 * Return: their number.
 */
u64 ds_watchdog_stuck(void)
{
	return READ_ONCE(ds_watchdog_count);
}

/* Is it too long in its state, and was that not said yet? */
static bool ds_watchdog_is_stuck(struct ds_request *request,
				 const struct ds_request_view *found)
{
	/* Its memory may have become that of another one, which has not begun. */
	if (!found->watchdog_ms || found->state == DS_REQUEST_NEW ||
	    found->ms < found->watchdog_ms ||
	    READ_ONCE(request->life.reported) == found->state + 1)
		return false;
	/* Cleared when the memory is used for another request. */
	WRITE_ONCE(request->life.reported, found->state + 1);
	return true;
}

static void ds_watchdog_one(struct ds_request *request, void *private)
{
	struct ds_watchdog_look *look = private;
	struct ds_request_view found;

	ds_request_look(request, &found);
	/* When there are more of them they have their turn in the next look. */
	if (look->nstuck < DS_WATCHDOG_DUMP && ds_watchdog_is_stuck(request, &found))
		look->stuck[look->nstuck++] = found;
	else if (look->nother < DS_WATCHDOG_DUMP)
		look->other[look->nother++] = found;
	else
		look->more++;
}

static void ds_watchdog_describe(const struct ds_request_view *found, u32 count,
				 const char *what)
{
	u32 i;

	for (i = 0; i < count; i++)
		pr_warn("docstore: request %llx of store %llu, session %u: %u operations, %u partitions, %s for %u ms%s\n",
			found[i].id, found[i].incarnation, found[i].session,
			found[i].operations, found[i].partitions,
			ds_request_state_name(found[i].state), found[i].ms, what);
}

static void ds_watchdog_report(const struct ds_watchdog_look *look)
{
	static DEFINE_RATELIMIT_STATE(limit, 60 * HZ, 1);
	u32 i;

	WRITE_ONCE(ds_watchdog_count, ds_watchdog_count + look->nstuck);
	for (i = 0; i < look->nstuck; i++) {
		const struct ds_request_view *found = &look->stuck[i];

		ds_stores_stuck(found->incarnation);
		trace_docstore_stuck(found->id, found->incarnation, found->session,
				     found->state, found->ms);
	}
	/* One for each time that there is trouble. */
	if (!__ratelimit(&limit))
		return;
	pr_warn("docstore: %u requests get on too slowly; those under way:\n", look->nstuck);
	ds_watchdog_describe(look->stuck, look->nstuck, " (too long)");
	ds_watchdog_describe(look->other, look->nother, "");
	if (look->more)
		pr_warn("docstore: and %u more\n", look->more);
}

static void ds_watchdog_work(struct work_struct *work)
{
	struct ds_watchdog_look *look = &ds_watchdog_look;

	memset(look, 0, sizeof(*look));
	ds_requests_each(ds_watchdog_one, look);
	if (look->nstuck)
		ds_watchdog_report(look);
	queue_delayed_work(system_power_efficient_wq, &ds_watchdog, DS_WATCHDOG_PAUSE);
}

/**
 * ds_watchdog_init() - begin to look
 */
void ds_watchdog_init(void)
{
	queue_delayed_work(system_power_efficient_wq, &ds_watchdog, DS_WATCHDOG_PAUSE);
}

/**
 * ds_watchdog_exit() - look no more
 */
void ds_watchdog_exit(void)
{
	cancel_delayed_work_sync(&ds_watchdog);
}
