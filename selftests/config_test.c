// SPDX-License-Identifier: GPL-2.0
/*
 * Settings: three ways to look at them and to change them, which agree, for the module
 * and for stores that follow it.
 */
#include "monitor.h"
#include "uring.h"

#include <grp.h>
#include <sys/stat.h>

#include "docstore_harness.h"

#define OWNER	1001
#define OTHER	1003

FIXTURE(config) {
	struct ds_store store;
	int control, fd;
	struct docstore_config was;
	struct docstore_config c;
};

FIXTURE_SETUP(config)
{
	ASSERT_EQ(0, ds_store_begin(&self->store, "config", 2, 16 << 20));
	self->control = self->store.control;
	self->fd = self->store.fd;
	ASSERT_EQ(0, ds_config_get(self->control, &self->was));
	memset(&self->c, 0, sizeof(self->c));
}

FIXTURE_TEARDOWN(config)
{
	EXPECT_EQ(0, ds_config_restore(self->control, &self->was));
	EXPECT_EQ(0, ds_store_end(&self->store));
}

/* A value that a setting may have and does not have, and that limits nobody who runs. */
static __u64 another(__u32 setting, __u64 value)
{
	const struct ds_setting *s = &ds_settings[setting];

	return value > s->min && value - 1 >= 2 ? value - 1 :
	       value < s->max ? value + 1 : value - 1;
}

/* What all three ways say of the module; -1 if they don't agree. */
static __s64 module_value(int control, __u32 setting)
{
	struct docstore_config c;
	__u64 file, parameter;

	if (ds_config_get(control, &c) || ds_setting_read(NULL, setting, &file) ||
	    ds_parameter_read(setting, &parameter))
		return -1;
	return c.value[setting] == file && file == parameter ? (__s64)file : -1;
}

/* And both of a store. */
static __s64 store_value(const struct ds_store *store, __u32 setting)
{
	struct docstore_config c;
	__u64 file;

	if (ds_config_get(store->fd, &c))
		return -1;
	if (setting >= DS_STORE_SETTINGS)
		return c.value[setting];
	if (ds_setting_read(store->name, setting, &file))
		return -1;
	return c.value[setting] == file ? (__s64)file : -1;
}

static bool store_has_own(int fd, __u32 setting)
{
	struct docstore_config c;

	return !ds_config_get(fd, &c) && (c.set & (1ULL << setting));
}

TEST_F(config, known)
{
	ASSERT_EQ(0, ds_config_get(self->control, &self->c));
	EXPECT_EQ(DS_ALL_SETTINGS, self->c.known);
	EXPECT_EQ(0, self->c.set & ~self->c.known);
	ASSERT_EQ(0, ds_config_get(self->fd, &self->c));
	EXPECT_EQ((1ULL << DS_STORE_SETTINGS) - 1, self->c.known);
	EXPECT_EQ(0, self->c.set);
	/* The module's are told as well. */
	EXPECT_EQ(self->was.value[DOCSTORE_SETTING_MAX_SESSIONS],
		  self->c.value[DOCSTORE_SETTING_MAX_SESSIONS]);
}

TEST_F(config, three_ways)
{
	char text[32];
	__u64 value, initial;
	__u32 i;

	if (geteuid())
		SKIP(return, "not root");
	for (i = 0; i < DOCSTORE_SETTINGS; i++) {
		TH_LOG("%s", ds_settings[i].name);
		initial = self->was.value[i];
		EXPECT_EQ(initial, module_value(self->control, i));
		EXPECT_EQ(initial, store_value(&self->store, i));

		value = another(i, initial);
		EXPECT_EQ(0, ds_config_set(self->control, i, value));
		EXPECT_EQ(value, module_value(self->control, i));
		EXPECT_EQ(value, store_value(&self->store, i));
		EXPECT_TRUE(store_has_own(self->control, i));
		EXPECT_FALSE(store_has_own(self->fd, i));

		value = another(i, value);
		snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
		EXPECT_EQ(0, ds_setting_write(NULL, i, text));
		EXPECT_EQ(value, module_value(self->control, i));
		EXPECT_EQ(value, store_value(&self->store, i));

		value = another(i, value);
		/* As the numbers of C. */
		snprintf(text, sizeof(text), "0x%llx\n", (unsigned long long)value);
		EXPECT_EQ(0, ds_parameter_write(i, text));
		EXPECT_EQ(value, module_value(self->control, i));
		EXPECT_EQ(value, store_value(&self->store, i));

		/* Each way undoes what was done another way. */
		EXPECT_EQ(0, i % 3 == 0 ? ds_config_reset(self->control, 1ULL << i) :
			     i % 3 == 1 ? ds_setting_write(NULL, i, "default\n") :
					  ds_parameter_write(i, "default"));
		EXPECT_FALSE(store_has_own(self->control, i));
		if (!(self->was.set & (1ULL << i)))
			EXPECT_EQ(initial, module_value(self->control, i));
		EXPECT_EQ(0, ds_config_restore(self->control, &self->was));
		EXPECT_EQ(initial, module_value(self->control, i));
	}
}

TEST_F(config, store)
{
	__u64 module, own;
	char text[32];
	__u32 i;

	if (geteuid())
		SKIP(return, "not root");
	for (i = 0; i < DS_STORE_SETTINGS; i++) {
		TH_LOG("%s", ds_settings[i].name);
		module = self->was.value[i];
		own = another(i, module);
		EXPECT_EQ(0, ds_config_set(self->fd, i, own));
		EXPECT_EQ(own, store_value(&self->store, i));
		EXPECT_TRUE(store_has_own(self->fd, i));
		EXPECT_EQ(module, module_value(self->control, i));

		/* It does not follow the module any more. */
		EXPECT_EQ(0, ds_config_set(self->control, i, another(i, own)));
		EXPECT_EQ(own, store_value(&self->store, i));

		/* It is its own even where it is the same. */
		EXPECT_EQ(0, ds_config_set(self->control, i, own));
		EXPECT_TRUE(store_has_own(self->fd, i));

		/* It follows again. */
		module = another(i, own);
		EXPECT_EQ(0, ds_config_set(self->control, i, module));
		EXPECT_EQ(0, i % 2 ? ds_config_reset(self->fd, 1ULL << i) :
				     ds_setting_write(self->store.name, i, "default"));
		EXPECT_EQ(module, store_value(&self->store, i));
		EXPECT_FALSE(store_has_own(self->fd, i));

		snprintf(text, sizeof(text), "%llu", (unsigned long long)own);
		EXPECT_EQ(0, ds_setting_write(self->store.name, i, text));
		EXPECT_EQ(own, store_value(&self->store, i));
		EXPECT_TRUE(store_has_own(self->fd, i));
		EXPECT_EQ(0, ds_config_restore(self->control, &self->was));
		EXPECT_EQ(own, store_value(&self->store, i));
	}
	EXPECT_EQ(0, ds_config_reset(self->fd, (1ULL << DS_STORE_SETTINGS) - 1));
	ASSERT_EQ(0, ds_config_get(self->fd, &self->c));
	EXPECT_EQ(0, self->c.set);
	for (i = 0; i < DOCSTORE_SETTINGS; i++)
		EXPECT_EQ(self->was.value[i], self->c.value[i]);
}

/* A store of the same name has nothing of the one that was there before. */
TEST_F(config, new_store)
{
	int fd;

	ASSERT_EQ(0, ds_config_set(self->fd, DOCSTORE_SETTING_LEND_DOCUMENTS, 3));
	ASSERT_EQ(0, ds_remove(self->control, self->store.name));
	ASSERT_EQ(0, ds_create(self->control, self->store.name, 0600, 1, 0));
	fd = ds_open(self->control, self->store.name, DS_RW);
	ASSERT_LE(0, fd);
	EXPECT_FALSE(store_has_own(fd, DOCSTORE_SETTING_LEND_DOCUMENTS));
	/* And the old one still has it. */
	EXPECT_TRUE(store_has_own(self->fd, DOCSTORE_SETTING_LEND_DOCUMENTS));
	ASSERT_EQ(0, ds_config_set(self->fd, DOCSTORE_SETTING_LEND_DOCUMENTS, 4));
	EXPECT_FALSE(store_has_own(fd, DOCSTORE_SETTING_LEND_DOCUMENTS));
	close(fd);
}

TEST_F(config, ranges)
{
	static const char * const bad[] = {
		"", "\n", "x", "1x", "-1", "0x", "18446744073709551616", "defaults", "1 2",
		"1.5",
	};
	const struct ds_setting *s;
	char text[32];
	__u32 i, j;

	if (geteuid())
		SKIP(return, "not root");
	/* There are not to be fewer sessions than there are. */
	for (i = 0; i < DOCSTORE_SETTINGS; i++) {
		s = &ds_settings[i];
		TH_LOG("%s", s->name);
		if (i != DOCSTORE_SETTING_MAX_SESSIONS) {
			EXPECT_EQ(0, ds_config_set(self->control, i, s->min));
			EXPECT_EQ(s->min, module_value(self->control, i));
		}
		EXPECT_EQ(0, ds_config_set(self->control, i, s->max));
		EXPECT_EQ(s->max, module_value(self->control, i));
		EXPECT_EQ(-EINVAL, ds_config_set(self->control, i, s->max + 1));
		EXPECT_EQ(-EINVAL, ds_config_set(self->control, i, UINT64_MAX));
		if (i < DS_STORE_SETTINGS) {
			EXPECT_EQ(-EINVAL, ds_config_set(self->fd, i, s->max + 1));
			EXPECT_FALSE(store_has_own(self->fd, i));
		}
		if (s->min) {
			EXPECT_EQ(-EINVAL, ds_config_set(self->control, i, s->min - 1));
			snprintf(text, sizeof(text), "%llu", (unsigned long long)s->min - 1);
			EXPECT_EQ(-EINVAL, ds_parameter_write(i, text));
		}
		snprintf(text, sizeof(text), "%llu", (unsigned long long)s->max + 1);
		EXPECT_EQ(-EINVAL, ds_setting_write(NULL, i, text));
		EXPECT_EQ(-EINVAL, ds_parameter_write(i, text));
		for (j = 0; j < ARRAY_SIZE(bad); j++) {
			/* To write nothing is no change. */
			if (!bad[j][0])
				continue;
			EXPECT_GT(0, ds_setting_write(NULL, i, bad[j]));
			EXPECT_GT(0, ds_parameter_write(i, bad[j]));
		}
		EXPECT_EQ(s->max, module_value(self->control, i));
	}
}

TEST_F(config, all_or_nothing)
{
	const __u64 both = DS_BIT(LEND_DOCUMENTS) | DS_BIT(LATENCY_SAMPLE);
	struct docstore_config *c = &self->c;

	c->set = both;
	c->value[DOCSTORE_SETTING_LEND_DOCUMENTS] = 7;
	c->value[DOCSTORE_SETTING_LATENCY_SAMPLE] = 8;
	ASSERT_EQ(0, ds_config(self->fd, c));
	EXPECT_EQ(both, c->set);

	/* One is out of range. */
	c->set = both;
	c->reset = 0;
	c->value[DOCSTORE_SETTING_LEND_DOCUMENTS] = 9;
	c->value[DOCSTORE_SETTING_LATENCY_SAMPLE] = 65536;
	EXPECT_EQ(-EINVAL, ds_config(self->fd, c));
	EXPECT_EQ(7, store_value(&self->store, DOCSTORE_SETTING_LEND_DOCUMENTS));
	EXPECT_EQ(8, store_value(&self->store, DOCSTORE_SETTING_LATENCY_SAMPLE));

	/* One is set, another reset, and with one that is not a store's nothing is. */
	memset(c, 0, sizeof(*c));
	c->set = DS_BIT(LEND_DOCUMENTS);
	c->reset = DS_BIT(LATENCY_SAMPLE) | DS_BIT(MAX_STORES);
	c->value[DOCSTORE_SETTING_LEND_DOCUMENTS] = 9;
	EXPECT_EQ(-EINVAL, ds_config(self->fd, c));
	EXPECT_EQ(7, store_value(&self->store, DOCSTORE_SETTING_LEND_DOCUMENTS));
	c->reset = DS_BIT(LATENCY_SAMPLE);
	ASSERT_EQ(0, ds_config(self->fd, c));
	EXPECT_EQ(DS_BIT(LEND_DOCUMENTS), c->set);
	EXPECT_EQ(9, c->value[DOCSTORE_SETTING_LEND_DOCUMENTS]);
	EXPECT_EQ(self->was.value[DOCSTORE_SETTING_LATENCY_SAMPLE],
		  c->value[DOCSTORE_SETTING_LATENCY_SAMPLE]);

	/* Values of what is not to be set are not looked at. */
	memset(c, 0xff, sizeof(*c));
	c->flags = 0;
	c->set = 0;
	c->reset = 0;
	c->__reserved = 0;
	EXPECT_EQ(0, ds_config(self->fd, c));
}

TEST_F(config, bad_arguments)
{
	struct docstore_config *c = &self->c;
	struct docstore_module_counters before, after;

	ASSERT_EQ(0, ds_module_counters(self->control, &before));
	c->flags = 1;
	EXPECT_EQ(-EINVAL, ds_config(self->control, c));
	memset(c, 0, sizeof(*c));
	c->__reserved = 1;
	EXPECT_EQ(-EINVAL, ds_config(self->control, c));
	memset(c, 0, sizeof(*c));
	c->set = 1ULL << DOCSTORE_SETTINGS;
	EXPECT_EQ(-EINVAL, ds_config(self->control, c));
	c->set = 1ULL << 63;
	EXPECT_EQ(-EINVAL, ds_config(self->control, c));
	c->set = 0;
	c->reset = 1ULL << DOCSTORE_SETTINGS;
	EXPECT_EQ(-EINVAL, ds_config(self->control, c));
	c->reset = DS_BIT(MAX_STORES);
	EXPECT_EQ(-EINVAL, ds_config(self->fd, c));
	/* Both at once. */
	c->set = DS_BIT(SPAN_QUEUE);
	c->reset = DS_BIT(SPAN_QUEUE);
	EXPECT_EQ(-EINVAL, ds_config(self->fd, c));
	ASSERT_EQ(0, ds_module_counters(self->control, &after));
	EXPECT_EQ(before.configured, after.configured);
	/* What is known is told, whatever was in it. */
	memset(c, 0, sizeof(*c));
	c->known = UINT64_MAX;
	EXPECT_EQ(0, ds_config(self->fd, c));
	EXPECT_EQ((1ULL << DS_STORE_SETTINGS) - 1, c->known);
}

TEST_F(config, sizes)
{
	char *page = ds_map(8192, MAP_PRIVATE);
	struct docstore_config *c = (void *)page, *edge = ds_edge(sizeof(*c));

	c->size = sizeof(*c) - 1;
	EXPECT_EQ(-EINVAL, ds_ioctl(self->fd, DOCSTORE_CONFIG, c));
	c->size = 0;
	EXPECT_EQ(-EINVAL, ds_ioctl(self->fd, DOCSTORE_CONFIG, c));
	c->size = sizeof(*c) + 64;
	EXPECT_EQ(0, ds_ioctl(self->fd, DOCSTORE_CONFIG, c));
	EXPECT_EQ(sizeof(*c) + 64, c->size);
	memset(c, 0, sizeof(*c));
	c->size = sizeof(*c) + 64;
	page[sizeof(*c) + 63] = 1;
	EXPECT_EQ(-E2BIG, ds_ioctl(self->fd, DOCSTORE_CONFIG, c));
	page[sizeof(*c) + 63] = 0;
	c->size = 4096;
	EXPECT_EQ(0, ds_ioctl(self->fd, DOCSTORE_CONFIG, c));
	memset(c, 0, sizeof(*c));
	c->size = 4097;
	EXPECT_EQ(-E2BIG, ds_ioctl(self->fd, DOCSTORE_CONFIG, c));
	/* No more than the struct is touched. */
	EXPECT_EQ(0, ds_config_get(self->fd, edge));
	EXPECT_EQ(-EFAULT, ds_ioctl(self->fd, DOCSTORE_CONFIG, NULL));
	c = (void *)((char *)edge + 8);
	c->size = sizeof(*c);
	EXPECT_EQ(-EFAULT, ds_ioctl(self->fd, DOCSTORE_CONFIG, c));
}

TEST_F(config, rights)
{
	struct docstore_config *c = &self->c;
	char path[192];
	int fd;

	if (geteuid())
		SKIP(return, "only root can become others");
	fd = ds_open(self->control, self->store.name, DS_READ);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, ds_config_get(fd, c));
	EXPECT_EQ(-EBADF, ds_config_set(fd, DOCSTORE_SETTING_LEND_DOCUMENTS, 1));
	EXPECT_EQ(-EBADF, ds_config_reset(fd, DS_BIT(LEND_DOCUMENTS)));
	close(fd);
	fd = ds_control_open(O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, ds_config_get(fd, c));
	EXPECT_EQ(-EBADF, ds_config_set(fd, DOCSTORE_SETTING_LEND_DOCUMENTS, 1));
	close(fd);
	/* To write is enough. */
	fd = ds_open(self->control, self->store.name, DS_WRITE);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, ds_config_set(fd, DOCSTORE_SETTING_LEND_DOCUMENTS, 1));
	EXPECT_EQ(0, ds_config_reset(fd, DS_BIT(LEND_DOCUMENTS)));
	close(fd);

	DS_IN_CHILD({
		int control;

		ds_become(OTHER, OTHER, 0);
		control = ds_control();
		DS_CHILD(control >= 0);
		DS_CHILD_EQ(0, ds_config_get(control, c));
		DS_CHILD_EQ(-EPERM, ds_config_set(control, DOCSTORE_SETTING_LEND_DOCUMENTS, 1));
		DS_CHILD_EQ(-EPERM, ds_config_reset(control, DS_BIT(LEND_DOCUMENTS)));
		/* Descriptors that others have opened don't help. */
		DS_CHILD_EQ(-EPERM, ds_config_set(self->control,
						  DOCSTORE_SETTING_LEND_DOCUMENTS, 1));
		DS_CHILD_EQ(0, ds_config_get(self->fd, c));
		DS_CHILD_EQ(-EPERM, ds_config_set(self->fd, DOCSTORE_SETTING_LEND_DOCUMENTS, 1));
		DS_CHILD_EQ(-EACCES, ds_setting_write(self->store.name,
						      DOCSTORE_SETTING_LEND_DOCUMENTS, "1"));
		DS_CHILD_EQ(-EACCES, ds_setting_write(NULL, DOCSTORE_SETTING_LEND_DOCUMENTS, "1"));
		DS_CHILD_EQ(-EACCES, ds_parameter_write(DOCSTORE_SETTING_LEND_DOCUMENTS, "1"));
		/* To look is for everybody. */
		DS_CHILD(module_value(control, DOCSTORE_SETTING_LEND_DOCUMENTS) >= 0);
	});
	/* Root without the capability owns this store, and not the module. */
	DS_IN_CHILD({
		ds_drop_capability(CAP_SYS_ADMIN);
		DS_CHILD_EQ(0, ds_config_set(self->fd, DOCSTORE_SETTING_LEND_DOCUMENTS, 5));
		DS_CHILD_EQ(-EPERM, ds_config_set(self->control,
						  DOCSTORE_SETTING_LEND_DOCUMENTS, 5));
	});
	EXPECT_EQ(5, store_value(&self->store, DOCSTORE_SETTING_LEND_DOCUMENTS));
	/* Once removed, it has no files. */
	ds_setting_path(path, sizeof(path), self->store.name, 0);
	EXPECT_EQ(0, access(path, F_OK));
	EXPECT_EQ(0, ds_remove(self->control, self->store.name));
	EXPECT_EQ(-1, access(path, F_OK));
	EXPECT_EQ(0, ds_create(self->control, self->store.name, 0600, 1, 0));
}

TEST_F(config, owner)
{
	char name[DOCSTORE_STORE_NAME_SIZE], path[192];
	struct stat st;

	if (geteuid())
		SKIP(return, "only root can become others");
	ds_store_name(name, "owned");
	DS_IN_CHILD({
		int control, fd;

		ds_become(OWNER, OWNER, 0);
		control = ds_control();
		DS_CHILD(control >= 0);
		DS_CHILD_EQ(0, ds_create(control, name, 0666, 1, 0));
		fd = ds_open(control, name, DS_RW);
		DS_CHILD(fd >= 0);
		DS_CHILD_EQ(0, ds_config_set(fd, DOCSTORE_SETTING_SPAN_QUEUE, 5));
		DS_CHILD_EQ(0, ds_setting_write(name, DOCSTORE_SETTING_SPAN_QUEUE, "6"));
		DS_CHILD_EQ(0, ds_setting_write(name, DOCSTORE_SETTING_SPAN_QUEUE, "default"));
	});
	ds_setting_path(path, sizeof(path), name, DOCSTORE_SETTING_SPAN_QUEUE);
	ASSERT_EQ(0, stat(path, &st));
	EXPECT_EQ(OWNER, st.st_uid);
	EXPECT_EQ(OWNER, st.st_gid);
	EXPECT_EQ(0644, st.st_mode & 07777);
	DS_IN_CHILD({
		int control, fd;

		ds_become(OTHER, OTHER, 0);
		control = ds_control();
		DS_CHILD(control >= 0);
		fd = ds_open(control, name, DS_RW);
		DS_CHILD(fd >= 0);
		/* To write documents is another thing. */
		DS_CHILD_EQ(-EPERM, ds_config_set(fd, DOCSTORE_SETTING_SPAN_QUEUE, 7));
		DS_CHILD_EQ(-EACCES, ds_setting_write(name, DOCSTORE_SETTING_SPAN_QUEUE, "7"));
	});
	EXPECT_EQ(0, ds_setting_write(name, DOCSTORE_SETTING_SPAN_QUEUE, "8"));
	EXPECT_EQ(0, ds_remove(self->control, name));
}

TEST_F(config, counted)
{
	struct docstore_module_counters before, after;
	struct docstore_config *c = &self->c;

	ASSERT_EQ(0, ds_module_counters(self->control, &before));
	EXPECT_EQ(0, ds_config_get(self->fd, c));
	EXPECT_EQ(0, ds_config_set(self->fd, DOCSTORE_SETTING_SPAN_QUEUE, 5));
	EXPECT_EQ(0, ds_config_set(self->fd, DOCSTORE_SETTING_SPAN_QUEUE, 5));
	EXPECT_EQ(-EINVAL, ds_config_set(self->fd, DOCSTORE_SETTING_SPAN_QUEUE, UINT64_MAX));
	EXPECT_EQ(0, ds_config_reset(self->fd, DS_BIT(SPAN_QUEUE)));
	ASSERT_EQ(0, ds_module_counters(self->control, &after));
	EXPECT_EQ(before.configured + 3, after.configured);
}

/* Every file is a setting, and every setting has a file. */
TEST_F(config, files)
{
	char command[256], text[256];
	__u32 i, place, n;
	FILE *f;

	for (place = 0; place < 2; place++) {
		snprintf(command, sizeof(command),
			 "cd " DS_SYSFS "%s%s && for f in config/*; do echo \"${f#*/}\"; done",
			 place ? "stores/" : ".", place ? self->store.name : "");
		f = popen(command, "r");
		ASSERT_NE(NULL, f);
		n = 0;
		while (fgets(text, sizeof(text), f)) {
			text[strcspn(text, "\n")] = 0;
			for (i = 0; i < DOCSTORE_SETTINGS; i++)
				if (!strcmp(text, ds_settings[i].name))
					break;
			EXPECT_GT(place ? DS_STORE_SETTINGS : DOCSTORE_SETTINGS, i)
				TH_LOG("what is %s?", text);
			n++;
		}
		pclose(f);
		EXPECT_EQ(place ? DS_STORE_SETTINGS : DOCSTORE_SETTINGS, n);
	}
}

/*
 * Two change settings as fast as they can, two pairs of them always together, while
 * others write and read by all ways there are, and look at the settings.
 */
struct stress {
	volatile bool stop;
	__u64 changes[2];
	__u64 looks, batches, reads, rings;
};

#define STRESS_OWN	5	/* what the store has when it has one of its own */
#define STRESS_SESSIONS	100000

static void stress_change_store(struct ds_store *store, struct stress *s)
{
	struct docstore_config c;
	__u64 i;

	for (i = 0; !s->stop; i++) {
		memset(&c, 0, sizeof(c));
		if (i % 3 == 2) {
			c.reset = DS_BIT(LEND_DOCUMENTS) | DS_BIT(SUBMIT_POLL_US);
		} else {
			c.set = DS_BIT(LEND_DOCUMENTS) | DS_BIT(SUBMIT_POLL_US);
			c.value[DOCSTORE_SETTING_LEND_DOCUMENTS] = STRESS_OWN + i % 3;
			c.value[DOCSTORE_SETTING_SUBMIT_POLL_US] = STRESS_OWN + i % 3;
		}
		DS_CHILD_EQ(0, ds_config(store->fd, &c));
		s->changes[0]++;
	}
}

static void stress_change_module(struct ds_store *store, struct stress *s)
{
	struct docstore_config c;
	__u64 i;

	for (i = 0; !s->stop; i++) {
		memset(&c, 0, sizeof(c));
		c.set = DS_BIT(LATENCY_SAMPLE) | DS_BIT(WATCHDOG_MS) | DS_BIT(MAX_SESSIONS);
		c.value[DOCSTORE_SETTING_LATENCY_SAMPLE] = 1 + i % 7;
		c.value[DOCSTORE_SETTING_WATCHDOG_MS] = 60000 + i % 7;
		c.value[DOCSTORE_SETTING_MAX_SESSIONS] = STRESS_SESSIONS + i % 7;
		DS_CHILD_EQ(0, ds_config(store->control, &c));
		s->changes[1]++;
	}
}

static void stress_look(struct ds_store *store, struct stress *s)
{
	const __u64 own = DS_BIT(LEND_DOCUMENTS) | DS_BIT(SUBMIT_POLL_US);
	struct docstore_config c;
	__u64 value;

	while (!s->stop) {
		__u64 *v = c.value;

		DS_CHILD_EQ(0, ds_config_get(store->fd, &c));
		/* Its own, both or none, as it says. */
		DS_CHILD(!(c.set & own) || (c.set & own) == own);
		if (c.set) {
			DS_CHILD_EQ(v[DOCSTORE_SETTING_LEND_DOCUMENTS],
				    v[DOCSTORE_SETTING_SUBMIT_POLL_US]);
			DS_CHILD(v[DOCSTORE_SETTING_LEND_DOCUMENTS] == STRESS_OWN ||
				 v[DOCSTORE_SETTING_LEND_DOCUMENTS] == STRESS_OWN + 1);
		} else {
			DS_CHILD_EQ(128, v[DOCSTORE_SETTING_LEND_DOCUMENTS]);
			DS_CHILD_EQ(10, v[DOCSTORE_SETTING_SUBMIT_POLL_US]);
		}
		DS_CHILD_EQ(v[DOCSTORE_SETTING_LATENCY_SAMPLE] - 1,
			    v[DOCSTORE_SETTING_WATCHDOG_MS] - 60000);
		DS_CHILD_EQ(v[DOCSTORE_SETTING_LATENCY_SAMPLE] - 1,
			    v[DOCSTORE_SETTING_MAX_SESSIONS] - STRESS_SESSIONS);
		DS_CHILD_EQ(0, ds_setting_read(store->name, DOCSTORE_SETTING_LEND_DOCUMENTS,
					       &value));
		DS_CHILD(value == 128 || value == STRESS_OWN || value == STRESS_OWN + 1);
		DS_CHILD_EQ(0, ds_parameter_read(DOCSTORE_SETTING_LATENCY_SAMPLE, &value));
		DS_CHILD(value >= 1 && value <= 7);
		s->looks++;
	}
}

static void stress_work(struct ds_store *store, struct stress *s, int a)
{
	struct docstore_op ops[16];
	struct ds_ring ring;
	char ids[16][24];
	bool rings = !ds_ring_open(&ring, 8, 0);
	__u32 i, failed = 0;
	__u64 n;

	for (n = 0; !s->stop; n++) {
		for (i = 0; i < 16; i++) {
			snprintf(ids[i], sizeof(ids[i]), "d%llu",
				 (unsigned long long)(n * 7 + i) % 100);
			ops[i] = ds_set_s64(ids[i], a, n);
		}
		DS_CHILD_EQ(0, ds_submit(store->fd, n % 2 ? DOCSTORE_SUBMIT_ATOMIC : 0, ops, 16,
					 &failed));
		DS_CHILD_EQ(0, failed);
		s->batches++;
		DS_CHILD(ds_fetch_s64(store->fd, ids[0], a) >= 0);
		s->reads++;
		if (rings) {
			struct docstore_submit submit = {
				.size = sizeof(submit), .ops = ds_ptr(ops),
				.op_size = sizeof(*ops), .count = 16,
			};
			int ret;

			/* Versions have come back in them. */
			for (i = 0; i < 16; i++)
				ops[i] = ds_set_s64(ids[i], a, n);
			ret = ds_ring_ioctl(&ring, 0, store->fd, DOCSTORE_SUBMIT, &submit);

			/* Rings may be forbidden, and old kernels know no commands. */
			if (ret == -EINVAL || ret == -EOPNOTSUPP) {
				rings = false;
				continue;
			}
			DS_CHILD_EQ(0, ret);
			DS_CHILD_EQ(0, submit.failed);
			s->rings++;
		}
	}
}

TEST_F(config, stress)
{
	struct stress *s = ds_shared(sizeof(*s));
	struct ds_store *store = &self->store;
	pid_t pids[6];
	__u32 i;
	int a;

	if (geteuid())
		SKIP(return, "not root");
	self->c.set = DS_BIT(LEND_DOCUMENTS) | DS_BIT(SUBMIT_POLL_US) | DS_BIT(LATENCY_SAMPLE) |
		      DS_BIT(WATCHDOG_MS) | DS_BIT(MAX_SESSIONS);
	self->c.value[DOCSTORE_SETTING_LEND_DOCUMENTS] = 128;
	self->c.value[DOCSTORE_SETTING_SUBMIT_POLL_US] = 10;
	self->c.value[DOCSTORE_SETTING_LATENCY_SAMPLE] = 1;
	self->c.value[DOCSTORE_SETTING_WATCHDOG_MS] = 60000;
	self->c.value[DOCSTORE_SETTING_MAX_SESSIONS] = STRESS_SESSIONS;
	ASSERT_EQ(0, ds_config(self->control, &self->c));
	a = ds_prop_id(self->fd, "a");
	for (i = 0; i < ARRAY_SIZE(pids); i++) {
		pids[i] = ds_fork();
		ASSERT_LE(0, pids[i]);
		if (pids[i])
			continue;
		if (i == 0)
			stress_change_store(store, s);
		else if (i == 1)
			stress_change_module(store, s);
		else if (i < 4)
			stress_look(store, s);
		else
			stress_work(store, s, a);
		_exit(0);
	}
	usleep(ds_scale(4000) * 1000);
	s->stop = true;
	for (i = 0; i < ARRAY_SIZE(pids); i++)
		EXPECT_EQ(0, ds_wait(pids[i]));
	TH_LOG("%llu and %llu changes, %llu looks, %llu batches, %llu by rings",
	       (unsigned long long)s->changes[0], (unsigned long long)s->changes[1],
	       (unsigned long long)s->looks, (unsigned long long)s->batches,
	       (unsigned long long)s->rings);
	EXPECT_LT(0, s->changes[0]);
	EXPECT_LT(0, s->changes[1]);
	EXPECT_LT(0, s->looks);
	EXPECT_LT(0, s->batches);
}

TEST_HARNESS_MAIN
