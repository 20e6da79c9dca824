// SPDX-License-Identifier: GPL-2.0
/*
 * Every call, with a fault at every place in it where the kernel can be refused
 * memory or access to that of user space: at the first, at the second, and so on
 * until it gets through without coming by so many. Once only that place fails,
 * and once memory is refused at all that follow as well.
 *
 * A call must succeed in spite of the fault, or fail with an error that it may
 * have, and what the store holds afterwards must tell the same. Nobody else may
 * use docstore meanwhile: stores are counted, and references to the module.
 *
 * FAULT_REPEAT says how often each place fails (3, or 1 in a 32-bit program, and
 * see DOCSTORE_TEST_SCALE): kmemleak does not see a leak that is seldom.
 * FAULT_CALL is the name of the only call that is of interest.
 */
#include "fault_calls.h"
#include "fault_batch.h"
#include "fault_snapshot.h"
#include "fault_monitor.h"
#include "fault_span.h"
#include "fault_stream.h"

#include "docstore_harness.h"

#define TIMEOUT		7200
#define ERRORS		3

enum mode {
	ONE,				/* the n-th place fails */
	REST,				/* and from there on no memory */
};

FIXTURE(call) {
	struct fault f;
};

/*
 * A call: functions that prepare it, make it, and look at what came of it (see
 * fault_calls.h), the errors that it may have, what it returns without a fault,
 * whether it is such that no fault makes it fail, and whether it takes so long
 * that each place fails only once.
 */
FIXTURE_VARIANT(call) {
	const char *name;
	int (*prepare)(struct fault *f);
	int (*run)(struct fault *f);
	int (*settle)(struct fault *f, int ret);
	int errors[ERRORS];
	int otherwise;
	bool steady;
	bool slow;
};

#define CALL(_name, ...)						\
	FIXTURE_VARIANT_ADD(call, _name) { .name = #_name, __VA_ARGS__ }

#define BATCH(_name, _prepare, _settle, _slow)				\
	CALL(_name, .prepare = _prepare, .run = submit,			\
	     .settle = _settle, .errors = { ENOMEM, EFAULT }, .slow = _slow)

CALL(open, .run = run_open, .settle = settle_open,
     .errors = { ENOMEM, EFAULT });
CALL(close, .prepare = prepare_close_control, .run = run_close,
     .steady = true);
CALL(info, .run = run_info, .settle = settle_info, .errors = { EFAULT });

CALL(store_create, .run = run_create_1, .settle = settle_create,
     .errors = { ENOMEM, EFAULT });
CALL(store_create_large, .run = run_create_7, .settle = settle_create,
     .errors = { ENOMEM, EFAULT });
CALL(store_create_default, .run = run_create_default, .settle = settle_create,
     .errors = { ENOMEM, EFAULT });
CALL(store_open, .run = run_store_open, .settle = settle_store_open,
     .errors = { ENOMEM, EFAULT });
CALL(store_remove, .prepare = prepare_store, .run = run_remove,
     .settle = settle_remove, .errors = { EFAULT });
CALL(store_remove_filled, .prepare = prepare_store_filled, .run = run_remove,
     .settle = settle_remove, .errors = { EFAULT });
CALL(store_close, .prepare = run_store_open, .run = run_close,
     .steady = true);
CALL(store_close_last, .prepare = prepare_close_last, .run = run_close,
     .steady = true);
CALL(store_list, .run = run_list, .settle = settle_list, .errors = { EFAULT });
CALL(store_info, .run = run_store_info, .settle = settle_store_info,
     .errors = { EFAULT });

CALL(intern, .prepare = prepare_intern, .run = run_intern,
     .settle = settle_intern, .errors = { ENOMEM, EFAULT });
CALL(intern_node, .prepare = prepare_intern_node, .run = run_intern,
     .settle = settle_intern, .errors = { ENOMEM, EFAULT });
CALL(intern_known, .prepare = prepare_intern_known, .run = run_intern,
     .settle = settle_intern_known, .errors = { EFAULT });
CALL(names, .run = run_names, .settle = settle_names,
     .errors = { ENOMEM, EFAULT });

BATCH(submit_set, prepare_set, submit_settle, false);
BATCH(submit_create, prepare_create, submit_settle, false);
BATCH(submit_delete, prepare_delete, submit_settle, false);
BATCH(submit_get, prepare_get, settle_get, false);
BATCH(submit_all_kinds, prepare_all_kinds, submit_settle, false);
BATCH(submit_many, prepare_many, submit_settle, false);
BATCH(submit_atomic, prepare_atomic, settle_extra, true);
BATCH(submit_refused, prepare_refused, settle_refused, true);
BATCH(submit_first, prepare_first, settle_extra, false);
BATCH(submit_first_many, prepare_first_many, settle_extra, false);
BATCH(submit_large_again, prepare_large_again, settle_extra, true);
BATCH(submit_large_atomic, prepare_large_atomic, settle_extra, true);
BATCH(submit_limit, prepare_limit, settle_limit, true);
BATCH(submit_full, prepare_full, settle_full, true);
CALL(submit_uring, .prepare = prepare_uring, .run = submit_uring,
     .settle = settle_uring, .errors = { ENOMEM, EFAULT });
CALL(submit_long, .prepare = prepare_all_kinds, .run = submit_long,
     .settle = submit_settle, .errors = { ENOMEM, EFAULT });

BATCH(span, prepare_span, settle_span, false);
BATCH(span_many, prepare_span_many, settle_span, false);
BATCH(span_owners, prepare_span_owners, settle_span_owners, false);
BATCH(span_refused, prepare_span_refused, settle_span_refused, false);
BATCH(span_refused_owners, prepare_span_refused_owners, settle_span_refused, false);
BATCH(span_check, prepare_span_check, settle_span_check, false);
BATCH(span_first, prepare_span_first, settle_span_extra, true);
BATCH(span_large, prepare_span_large, settle_span_extra, true);
BATCH(span_scattered, prepare_span_scattered, settle_span_extra, true);
BATCH(span_full, prepare_span_full, settle_span_full, true);
BATCH(span_pinned, prepare_span_pinned, settle_span_pinned, true);
BATCH(submit_pinned, prepare_pinned, settle_pinned, true);
CALL(span_uring, .prepare = prepare_span_uring, .run = submit_uring,
     .settle = settle_span_uring, .errors = { ENOMEM, EFAULT });
CALL(span_uring_owners, .prepare = prepare_span_uring_owners, .run = submit_uring,
     .settle = settle_span_uring_owners, .errors = { ENOMEM, EFAULT });

CALL(snapshot, .prepare = change_back, .run = run_snapshot,
     .settle = settle_snapshot, .errors = { ENOMEM, EFAULT });
CALL(snapshot_lease, .prepare = change_back, .run = run_snapshot_lease,
     .settle = settle_snapshot, .errors = { ENOMEM, EFAULT });
CALL(snapshot_uring, .prepare = prepare_snapshot_uring, .run = run_snapshot_uring,
     .settle = settle_snapshot_uring, .errors = { ENOMEM, EFAULT });
CALL(snapshot_close, .prepare = prepare_close_snapshot, .run = run_close,
     .settle = settle_close_snapshot, .steady = true);
CALL(snapshot_close_last, .prepare = prepare_close_last_snapshot, .run = run_close,
     .steady = true);
CALL(snapshot_info, .prepare = prepare_frozen, .run = run_snapshot_info,
     .settle = settle_snapshot_info, .errors = { EFAULT });
CALL(snapshot_list, .prepare = prepare_frozen, .run = run_snapshot_list,
     .settle = settle_snapshot_list, .errors = { EFAULT });
CALL(snapshot_mmap, .prepare = prepare_frozen, .run = run_snapshot_mmap,
     .settle = settle_snapshot_mmap, .errors = { ENOMEM });
CALL(coordinator, .run = run_coordinator, .settle = settle_coordinator,
     .errors = { ENOMEM, EFAULT });
CALL(hint, .run = run_hint, .errors = { EFAULT });

CALL(config, .prepare = prepare_config, .run = run_config, .settle = settle_config,
     .errors = { ENOMEM, EFAULT });
CALL(config_file, .prepare = prepare_config, .run = run_config_file,
     .settle = settle_config, .errors = { ENOMEM, EFAULT });
CALL(stats, .run = run_stats, .settle = settle_stats, .errors = { ENOMEM, EFAULT });
CALL(module_stats, .run = run_module_stats, .settle = settle_module_stats,
     .errors = { EFAULT });
CALL(session_list, .run = run_sessions, .settle = settle_sessions,
     .errors = { EFAULT });
CALL(open_over_limit, .prepare = prepare_session_limit, .run = run_open,
     .settle = settle_session_limit, .errors = { ENOMEM, EFAULT });

CALL(stream_first, .prepare = prepare_stream_first, .run = run_stream_first,
     .settle = settle_stream_first, .errors = { ENOMEM, EFAULT });
CALL(stream, .prepare = prepare_backlogs, .run = run_stream, .settle = settle_stream,
     .errors = { ENOMEM, EFAULT });
CALL(stream_token, .prepare = prepare_stream_token, .run = run_stream_token,
     .settle = settle_stream_token, .errors = { ENOMEM, EFAULT });
CALL(stream_snapshot, .prepare = prepare_backlogs, .run = run_stream_snapshot,
     .settle = settle_stream_snapshot, .errors = { ENOMEM, EFAULT });
CALL(stream_read, .prepare = prepare_stream_read, .run = run_stream_read,
     .settle = settle_stream_read, .errors = { EFAULT });
CALL(stream_read_documents, .prepare = prepare_stream_documents, .run = run_stream_read,
     .settle = settle_stream_documents, .errors = { ENOMEM, EFAULT });
CALL(stream_read_bookmark, .prepare = prepare_stream_bookmark, .run = run_stream_read,
     .settle = settle_stream_bookmark, .errors = { ENOMEM, EFAULT });
CALL(stream_read_resync, .prepare = prepare_stream_resync, .run = run_stream_read,
     .settle = settle_stream_resync, .errors = { ENOMEM, EFAULT }, .slow = true);
CALL(stream_pause, .prepare = prepare_stream_documents, .run = run_stream_pause,
     .settle = settle_stream_pause, .errors = { ENOMEM, EFAULT });
CALL(stream_resume, .prepare = prepare_stream_paused, .run = run_stream_resume,
     .settle = settle_stream_resume, .errors = { EFAULT });
CALL(stream_info, .prepare = prepare_stream_paused, .run = run_stream_info,
     .settle = settle_stream_info, .errors = { EFAULT });
CALL(stream_close, .prepare = prepare_stream_paused, .run = run_close,
     .settle = settle_stream_close, .steady = true);

CALL(frozen_read, .prepare = prepare_frozen, .run = run_read,
     .settle = settle_frozen_read, .errors = { ENOMEM, EFAULT });
CALL(frozen_read_cold, .prepare = prepare_frozen_cold, .run = run_read,
     .settle = settle_frozen_read, .errors = { ENOMEM, EFAULT });
CALL(frozen_read_property, .prepare = prepare_frozen, .run = run_read_property,
     .settle = settle_frozen_property, .errors = { ENOMEM, EFAULT });
CALL(frozen_read_many, .prepare = prepare_frozen, .run = run_read_many,
     .settle = settle_frozen_many, .errors = { ENOMEM, EFAULT });
CALL(frozen_read_together, .prepare = prepare_frozen, .run = run_read_together,
     .settle = settle_frozen_together, .errors = { ENOMEM, EFAULT });
CALL(frozen_scan, .prepare = prepare_frozen, .run = run_scan,
     .settle = settle_frozen_scan, .errors = { ENOMEM, EFAULT });

CALL(read, .run = run_read, .settle = settle_read,
     .errors = { ENOMEM, EFAULT });
CALL(read_cold, .prepare = prepare_cold, .run = run_read,
     .settle = settle_read, .errors = { ENOMEM, EFAULT });
CALL(read_property, .run = run_read_property, .settle = settle_read_property,
     .errors = { ENOMEM, EFAULT });
CALL(read_missing, .run = run_read_missing, .errors = { EFAULT },
     .otherwise = -ENOENT);
CALL(read_large, .prepare = prepare_read_large, .run = run_read,
     .settle = settle_read_large, .errors = { ENOMEM, EFAULT });
CALL(read_many, .run = run_read_many, .settle = settle_read_many,
     .errors = { ENOMEM, EFAULT });
CALL(read_some, .run = run_read_some, .settle = settle_read_many,
     .errors = { ENOMEM, EFAULT });
CALL(read_together, .run = run_read_together, .settle = settle_read_together,
     .errors = { ENOMEM, EFAULT });
CALL(read_together_some, .run = run_read_together_some,
     .settle = settle_read_together_some, .errors = { ENOMEM, EFAULT });
CALL(scan, .run = run_scan, .settle = settle_scan,
     .errors = { ENOMEM, EFAULT });
CALL(scan_cold, .prepare = prepare_cold, .run = run_scan,
     .settle = settle_scan, .errors = { ENOMEM, EFAULT });
CALL(scan_ids, .run = run_scan_ids, .settle = settle_scan_ids,
     .errors = { ENOMEM, EFAULT });

CALL(check, .run = run_check, .settle = settle_check,
     .errors = { ENOMEM, EFAULT });

/* The store that most calls are about, and what there is at the beginning. */
static int begin(struct fault *f)
{
	struct docstore_store_info before, info;
	struct docstore_info all;
	int i, ret;

	f->value = ds_map(VALUE + 4096, MAP_PRIVATE);
	f->out = ds_map(VALUE, MAP_PRIVATE);
	ds_store_name(f->extra.name, "extra");
	f->references_before = references();
	ret = ds_store_begin(&f->store, "fault", PARTITIONS, 64 * MIB) ?:
	      parameter_get("lend_documents", &f->lend);
	if (ret)
		return ret;
	f->head = mmap(NULL, 4096, PROT_READ, MAP_SHARED, f->store.fd, 0);
	if (f->head == MAP_FAILED)
		return -errno;
	for (i = 0; i < PROPS; i++) {
		char name[2] = { 'a' + i };

		f->p[i] = ds_prop_id(f->store.fd, name);
		if (f->p[i] < 0)
			return f->p[i];
	}
	ret = ds_store_info(f->store.fd, &before) ?:
	      prepare_intern_known(f) ?: run_intern(f) ?:
	      ds_store_info(f->store.fd, &info);
	if (ret)
		return ret;
	f->name_bytes = (info.bytes - before.bytes) / NAMES;

	ret = fault_lock_memory();
	if (ret)
		return ret;
	model_begin(&f->model, f->store.fd, "doc");
	f->fresh = f->model;
	f->frozen = f->model;
	f->target = &f->model;
	ret = fill(f, EXISTING) ?: ds_store_info(f->store.fd, &info) ?:
	      ds_info(f->store.control, &all);
	if (ret)
		return ret;
	f->bytes = info.bytes;
	f->names_pages = names_pages(f);
	f->names = info.names;
	f->stores = all.stores;
	f->references = references();
	return fault_begin(&f->inject);
}

static bool wanted(const FIXTURE_VARIANT(call) *call)
{
	const char *name = getenv("FAULT_CALL");

	return !name || !strcmp(name, call->name);
}

FIXTURE_SETUP(call)
{
	if (wanted(variant))
		ASSERT_EQ(0, begin(&self->f));
}

FIXTURE_TEARDOWN(call)
{
	if (!wanted(variant))
		return;
	fault_end(&self->f.inject);
	EXPECT_EQ(0, parameter_set("lend_documents", self->f.lend));
	munmap((void *)self->f.head, 4096);
	EXPECT_EQ(0, ds_store_end(&self->f.store));
	/* A store that somebody still holds has documents, and these hold it. */
	EXPECT_EQ(0, check_references(self->f.references_before));
}

static bool may_fail(const FIXTURE_VARIANT(call) *call, int ret)
{
	int i;

	for (i = 0; i < ERRORS; i++)
		if (ret == -call->errors[i])
			return true;
	return false;
}

/* One call, the @nth place in which fails. Returns 0 or -errno. */
static int one(struct fault *f, const FIXTURE_VARIANT(call) *call,
	       enum mode mode, unsigned int nth, bool thorough)
{
	int ret, err;

	f->round++;
	f->count = 0;
	f->flags = 0;
	f->fd = -1;
	f->rest = mode == REST;
	f->elsewhere = false;
	f->target = &f->model;
	err = call->prepare ? call->prepare(f) : 0;
	if (err)
		return ds_broken("what comes before the call: %s", strerror(-err));

	if (mode == REST)
		fault_make_it_fail(&f->inject, true);
	fault_arm(&f->inject, nth);
	ret = call->run(f);
	f->injected = fault_disarm(&f->inject);
	if (mode == REST)
		fault_make_it_fail(&f->inject, false);

	f->calls++;
	if (ret != call->otherwise) {
		f->failed++;
		if (!(f->injected || f->elsewhere) || !may_fail(call, ret))
			return ds_broken("the call returned %d (%s), %s a fault",
					 ret, strerror(-ret),
					 f->injected ? "with" : "without");
	}
	err = call->settle ? call->settle(f, ret) : 0;
	if (!err && thorough)
		err = check(f);
	if (err)
		return ds_broken("after a call that returned %d: %s", ret,
				 strerror(-err));
	return 0;
}

static int sweep(struct fault *f, const FIXTURE_VARIANT(call) *call,
		 enum mode mode, unsigned int repeat)
{
	__u64 begun = ds_now();
	unsigned int i;
	int ret;

	if (mode == REST)
		fault_chance(100, 0);
	for (f->sites = 0; f->sites < SITES; f->sites++) {
		for (i = 0; i < repeat; i++) {
			ret = one(f, call, mode, f->sites + 1, !i);
			if (ret)
				return ds_broken("place %u, time %u",
						 f->sites + 1, i);
			if (!f->injected)
				break;
		}
		/* Where it comes by fewer now and then, go on. */
		if (!f->injected && !i)
			break;
	}
	fprintf(stderr, "# %u places, %u of %u calls failed, %llu ms\n", f->sites,
		f->failed, f->calls, (ds_now() - begun) / 1000000);
	return f->sites == SITES ? ds_broken("there is no end") : 0;
}

static unsigned int repeat(const FIXTURE_VARIANT(call) *call)
{
	unsigned int times = ds_env("FAULT_REPEAT", sizeof(long) == 8 ? 3 : 1);

	return ds_scale(call->slow ? 1 : times);
}

TEST_F_TIMEOUT(call, one_place_fails, TIMEOUT)
{
	if (!wanted(variant))
		SKIP(return, "not the call of FAULT_CALL");
	ASSERT_EQ(0, sweep(&self->f, variant, ONE, repeat(variant)));
	EXPECT_LT(variant->steady ? -1 : 0, (int)self->f.failed);
}

TEST_F_TIMEOUT(call, memory_runs_out, TIMEOUT)
{
	if (!wanted(variant))
		SKIP(return, "not the call of FAULT_CALL");
	ASSERT_EQ(0, sweep(&self->f, variant, REST, repeat(variant)));
	EXPECT_LT(variant->steady ? -1 : 0, (int)self->f.failed);
}

static void __attribute__((constructor)) skip(void)
{
	fault_skip_all();
}

TEST_HARNESS_MAIN
