/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Calls of monitors for fault_test.c: settings, statistics, sessions.
 */
#ifndef DOCSTORE_TEST_FAULT_MONITOR_H
#define DOCSTORE_TEST_FAULT_MONITOR_H

#include "fault_calls.h"
#include "monitor.h"

/* A value for each round, so that it shows whether it was set. */
static int run_config(struct fault *f)
{
	return ds_config_set(f->store.fd, DOCSTORE_SETTING_HOT_CHANGES, 1000 + f->round);
}

static int prepare_config(struct fault *f)
{
	return ds_config_set(f->store.fd, DOCSTORE_SETTING_HOT_CHANGES, 1);
}

/* It is set if the call says so, and not if there was no memory; in any case wholly. */
static int settle_config(struct fault *f, int ret)
{
	struct docstore_config c;
	int err = ds_config_get(f->store.fd, &c);
	__u64 value = c.value[DOCSTORE_SETTING_HOT_CHANGES];

	if (err)
		return err;
	if (c.set != DS_BIT(HOT_CHANGES) || (value != 1 && value != 1000 + f->round) ||
	    (!ret && value == 1) || (ret == -ENOMEM && value != 1))
		return ds_broken("hot_changes is %llu behind %d", (unsigned long long)value, ret);
	return ds_config_reset(f->store.fd, DS_BIT(HOT_CHANGES));
}

static int run_config_file(struct fault *f)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", 1000 + f->round);
	return ds_setting_write(f->store.name, DOCSTORE_SETTING_HOT_CHANGES, text);
}

static int run_stats(struct fault *f)
{
	struct docstore_counters *c = (void *)f->out;

	return ds_stats(f->store.fd, c, (void *)(c + 1));
}

static int settle_stats(struct fault *f, int ret)
{
	const struct docstore_counters *c = (void *)f->out;

	if (!ret && (c->documents != EXISTING || !c->sessions || c->requests))
		return ds_broken("statistics are of something else");
	return 0;
}

static int run_module_stats(struct fault *f)
{
	return ds_module_counters(f->store.control, (void *)f->out);
}

static int settle_module_stats(struct fault *f, int ret)
{
	const struct docstore_module_counters *c = (void *)f->out;

	if (!ret && (c->stores != f->stores || c->illegal || !c->sessions || c->requests))
		return ds_broken("the module's statistics are of something else");
	return 0;
}

static int run_sessions(struct fault *f)
{
	__u64 cursor = 0;
	int ret = ds_sessions(f->store.control, (void *)f->out, 64, &cursor);

	f->count = ret > 0 ? ret : 0;
	return ret < 0 ? ret : 0;
}

static int settle_sessions(struct fault *f, int ret)
{
	const struct docstore_session_info *s = (void *)f->out;
	__u32 i;

	for (i = 0; i < f->count; i++)
		if (!strcmp((char *)s[i].store, f->store.name))
			break;
	return !ret && i == f->count ? ds_broken("the store's session is not listed") : 0;
}

/* More than there may be: for who gets in all the same, and is counted. */
static int prepare_session_limit(struct fault *f)
{
	return ds_config_set(f->store.control, DOCSTORE_SETTING_MAX_SESSIONS, 1);
}

static int settle_session_limit(struct fault *f, int ret)
{
	struct docstore_module_counters c;
	int err = settle_open(f, ret) ?:
		  ds_config_reset(f->store.control, DS_BIT(MAX_SESSIONS)) ?:
		  ds_module_counters(f->store.control, &c);
	struct docstore_session_info *s = (void *)f->out;
	__u64 cursor = 0;
	int n;

	if (err)
		return err;
	/* Who was refused is counted off. */
	n = ds_sessions(f->store.control, s, 64, &cursor);
	if (n < 0 || cursor || (__u64)n != c.sessions)
		return ds_broken("%d sessions are listed, %llu counted", n,
				 (unsigned long long)c.sessions);
	return 0;
}

#endif /* DOCSTORE_TEST_FAULT_MONITOR_H */
