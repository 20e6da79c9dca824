// SPDX-License-Identifier: GPL-2.0
/*
 * Loading and unloading the module, with a fault at each place on the way: in
 * what the module does when it is loaded; in all else that loading is, as far as
 * time allows; in the kernel's own threads that work for it; and in unloading.
 * It is loaded or it is not, and then nothing of it is left, and it can be loaded
 * the next time. In the end it is loaded, as it was before.
 *
 *	DOCSTORE_KO	the module's file; without it modinfo finds it
 *	DOCSTORE_ARGS	parameters that it gets
 *	FAULT_LOADS	how often it is loaded where there are more places than
 *			time (60, and see DOCSTORE_TEST_SCALE)
 */
#include "fault_inject.h"

#include <dirent.h>
#include <sys/syscall.h>

#include "docstore_harness.h"

#define TIMEOUT		36000
#define MANY		1000000000U	/* more places than there are */
#define SYS_MODULE	"/sys/module/docstore"
#define SYS_DEVICE	"/sys/class/misc/docstore"

/* Whose faults: of this thread, or of one of the kernel's. */
struct victim {
	char comm[32];
	int nth;			/* its fail-nth */
};

FIXTURE(module) {
	struct fault_inject inject;
	int file;
	const char *args;
	struct victim self;
	unsigned int tried, failed;
};

static const char *module_file(void)
{
	static char path[PATH_MAX];
	const char *name = getenv("DOCSTORE_KO");
	FILE *pipe;

	if (name)
		return name;
	pipe = popen("modinfo -F filename docstore 2>/dev/null", "r");
	if (!pipe || !fgets(path, sizeof(path), pipe))
		path[0] = 0;
	if (pipe)
		pclose(pipe);
	path[strcspn(path, "\n")] = 0;
	return path;
}

static int load(int file, const char *args)
{
	return syscall(SYS_finit_module, file, args, 0) ? -errno : 0;
}

static int unload(void)
{
	return syscall(SYS_delete_module, "docstore", O_NONBLOCK) ? -errno : 0;
}

static bool is_there(const char *path)
{
	return !access(path, F_OK);
}

/* Does a file have such a line, from its beginning? */
static bool has_line(const char *path, const char *begin)
{
	FILE *file = fopen(path, "r");
	char line[1024];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file))
		found = !strncmp(line, begin, strlen(begin));
	if (file)
		fclose(file);
	return found;
}

/* The number of a thread whose name begins like that, 0 if there is none. */
static int find_thread(const char *begin, char *comm, size_t room)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	int pid = 0;

	while (dir && !pid && (entry = readdir(dir))) {
		char path[300];
		FILE *file;

		if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		file = fopen(path, "r");
		if (!file)
			continue;
		if (fgets(comm, room, file) &&
		    !strncmp(comm, begin, strlen(begin)))
			pid = atoi(entry->d_name);
		fclose(file);
	}
	if (dir)
		closedir(dir);
	comm[strcspn(comm, "\n")] = 0;
	return pid;
}

/* Nothing of the module is there: 0, or -errno. */
static int check_gone(void)
{
	char comm[32];

	if (is_there(SYS_MODULE))
		return ds_broken(SYS_MODULE " is there");
	if (is_there(SYS_DEVICE) || is_there(DS_DEVICE))
		return ds_broken("the device is there");
	if (has_line("/proc/modules", "docstore "))
		return ds_broken("it is in /proc/modules");
	if (has_line("/proc/slabinfo", "docstore"))
		return ds_broken("it is in /proc/slabinfo");
	if (find_thread("docstore/", comm, sizeof(comm)))
		return ds_broken("there is a thread %s", comm);
	return 0;
}

/*
 * It is there and works. That there is no node in /dev is none of its business:
 * devtmpfs tells nobody when it has no memory for one.
 */
static int check_there(void)
{
	struct docstore_store_info stores[4];
	struct docstore_info info;
	__u64 cursor = 0;
	int control, n;

	if (!is_there(SYS_MODULE) || !is_there(SYS_DEVICE))
		return ds_broken("it is loaded, and there is no " SYS_DEVICE);
	if (!is_there(DS_DEVICE))
		return 0;
	control = ds_control();
	if (control < 0 || ds_info(control, &info))
		return ds_broken("it is loaded, and does not work");
	n = ds_list(control, stores, ARRAY_SIZE(stores), &cursor);
	close(control);
	if (n != 1 || strcmp((char *)stores[0].name, "default"))
		return ds_broken("it is loaded, and has %d stores", n);
	if (info.workers != (__u32)sysconf(_SC_NPROCESSORS_ONLN))
		return ds_broken("it is loaded, and has %u workers",
				 info.workers);
	return 0;
}

static int victim_begin(struct victim *v, int pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fail-nth", pid);
	v->nth = open(path, O_RDWR | O_CLOEXEC);
	return v->nth < 0 ? -errno : 0;
}

static void arm(FIXTURE_DATA(module) *self, struct victim *v, unsigned int nth)
{
	self->inject.nth = v->nth;
	fault_arm(&self->inject, nth);
}

static bool disarm(FIXTURE_DATA(module) *self, struct victim *v)
{
	self->inject.nth = v->nth;
	return fault_disarm(&self->inject);
}

/* How many places are there? */
static unsigned int disarm_count(struct victim *v)
{
	char value[16] = "";
	ssize_t n = pread(v->nth, value, sizeof(value) - 1, 0);
	unsigned int left = atoi(value);

	while (pwrite(v->nth, "0", 1, 0) != 1)
		;
	return n > 0 && left ? MANY - left : 0;
}

/* The n-th place fails for one who helps to load it. Returns 0 or -errno. */
static int load_failing(FIXTURE_DATA(module) *self, struct victim *v,
			unsigned int nth, bool all, bool *injected)
{
	int ret, err;

	if (all)
		fault_make_it_fail(&self->inject, true);
	arm(self, v, nth);
	ret = load(self->file, self->args);
	*injected = disarm(self, v);
	if (all)
		fault_make_it_fail(&self->inject, false);
	self->tried++;
	if (!ret) {
		err = check_there() ?: unload();
		return err ? ds_broken("place %u of %s: %s", nth, v->comm,
				       strerror(-err)) : check_gone();
	}
	self->failed++;
	if (!*injected)
		return ds_broken("without a fault: %s", strerror(-ret));
	/* What the kernel's loader answers is not up to us, but this is. */
	if (ret != -ENOMEM && ret != -EFAULT && ret != -EAGAIN)
		return ds_broken("place %u of %s: %s", nth, v->comm,
				 strerror(-ret));
	err = check_gone();
	return err ? ds_broken("place %u of %s, after %s", nth, v->comm,
			       strerror(-ret)) : 0;
}

/* All places, or as many as there is time for. */
static int sweep(FIXTURE_DATA(module) *self, struct victim *v, bool all)
{
	unsigned int loads = ds_scale(ds_env("FAULT_LOADS", 60));
	__u64 begun = ds_now();
	unsigned int places, step, nth;
	bool injected;
	int ret;

	arm(self, v, MANY);
	ret = load(self->file, self->args);
	places = disarm_count(v);
	ret = ret ?: check_there() ?: unload() ?: check_gone();
	if (ret)
		return ret;

	step = places / loads + 1;
	self->tried = 0;
	self->failed = 0;
	fault_chance(all ? 100 : 0, 0);
	for (nth = 1; nth <= places + step; nth += step) {
		ret = load_failing(self, v, nth, all, &injected);
		if (ret)
			break;
	}
	fault_chance(0, 0);
	fprintf(stderr, "# %s: %u places, every %u., %u of %u loads failed, %llu ms\n",
		v->comm, places, step, self->failed, self->tried,
		(ds_now() - begun) / 1000000);
	/* After all that, it works. */
	return ret ?: load(self->file, self->args) ?: check_there() ?:
	       unload() ?: check_gone();
}

static void only_in_stack(const char *from, const char *to)
{
	size_t i;

	for (i = 0; i < FAULT_KINDS; i++) {
		fault_set(fault_kinds[i], "stacktrace-depth", from ? "32" : "0");
		fault_set(fault_kinds[i], "require-start", from ?: "0");
		fault_set(fault_kinds[i], "require-end",
			  to ?: "0xffffffffffffffff");
	}
}

/* Between which addresses a function of the kernel lies; they are in order. */
static bool find_function(const char *name, char *from, char *to, size_t room)
{
	FILE *file = fopen("/proc/kallsyms", "r");
	unsigned long long begin = 0, end = 0;
	char line[512], want[128];

	snprintf(want, sizeof(want), " %s\n", name);
	while (file && !end && fgets(line, sizeof(line), file)) {
		if (begin && strtoull(line, NULL, 16) > begin)
			end = strtoull(line, NULL, 16);
		else if (strstr(line, want))
			begin = strtoull(line, NULL, 16);
	}
	if (file)
		fclose(file);
	snprintf(from, room, "%#llx", begin);
	snprintf(to, room, "%#llx", end);
	return end;
}

FIXTURE_SETUP(module)
{
	const char *args = getenv("DOCSTORE_ARGS");

	self->args = args ?: "";
	self->file = open(module_file(), O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, self->file);
	ASSERT_EQ(0, unload());
	ASSERT_EQ(0, check_gone());
	ASSERT_EQ(0, fault_lock_memory());
	ASSERT_EQ(0, fault_begin(&self->inject));
	strcpy(self->self.comm, "loader");
	self->self.nth = self->inject.nth;
}

FIXTURE_TEARDOWN(module)
{
	only_in_stack(NULL, NULL);
	self->inject.nth = self->self.nth;
	fault_end(&self->inject);
	if (!is_there(SYS_MODULE))
		EXPECT_EQ(0, load(self->file, self->args));
}

/* What is called by do_one_initcall() is the module's own doing. */
static bool only_ours(void)
{
	char from[24], to[24], depth[8];

	if (fault_get(fault_kinds[0], "stacktrace-depth", depth, sizeof(depth)))
		return false;
	if (!find_function("do_one_initcall", from, to, sizeof(from)))
		return false;
	only_in_stack(from, to);
	return true;
}

TEST_F_TIMEOUT(module, init_one_place_fails, TIMEOUT)
{
	if (!only_ours())
		SKIP(return, "the kernel has no CONFIG_FAULT_INJECTION_STACKTRACE_FILTER");
	ASSERT_EQ(0, sweep(self, &self->self, false));
	EXPECT_LT(0, self->failed);
}

TEST_F_TIMEOUT(module, init_memory_runs_out, TIMEOUT)
{
	if (!only_ours())
		SKIP(return, "the kernel has no CONFIG_FAULT_INJECTION_STACKTRACE_FILTER");
	ASSERT_EQ(0, sweep(self, &self->self, true));
	EXPECT_LT(0, self->failed);
}

TEST_F_TIMEOUT(module, any_place_fails, TIMEOUT)
{
	ASSERT_EQ(0, sweep(self, &self->self, false));
	EXPECT_LT(0, self->failed);
}

/* Workers are made in threads of CPU hotplug, by the thread that makes threads. */
TEST_F_TIMEOUT(module, threads_fail, TIMEOUT)
{
	static const char * const names[] = { "cpuhp/0", "cpuhp/1", "kthreadd" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		struct victim v;
		int pid = find_thread(names[i], v.comm, sizeof(v.comm));

		if (!pid)
			continue;
		ASSERT_EQ(0, victim_begin(&v, pid));
		ASSERT_EQ(0, sweep(self, &v, false));
		EXPECT_LT(0, self->failed);
		close(v.nth);
	}
}

TEST_F_TIMEOUT(module, unloading_fails, TIMEOUT)
{
	unsigned int nth;
	bool injected;
	int ret;

	for (nth = 1; ; nth++) {
		ASSERT_EQ(0, load(self->file, self->args));
		ASSERT_EQ(0, check_there());
		arm(self, &self->self, nth);
		ret = unload();
		injected = disarm(self, &self->self);
		self->tried++;
		if (ret) {
			self->failed++;
			ASSERT_TRUE(injected && (ret == -ENOMEM || ret == -EFAULT));
			ASSERT_EQ(0, check_there());
			ASSERT_EQ(0, unload());
		}
		ASSERT_EQ(0, check_gone());
		if (!injected)
			break;
	}
	fprintf(stderr, "# %u places, %u of %u failed\n", nth - 1, self->failed,
		self->tried);
}

static void skip_module(const char *why)
{
	printf("TAP version 13\n1..0 # SKIP %s\n", why);
	exit(4);
}

static void __attribute__((constructor)) skip(void)
{
	char references[16];
	int fd;

	fault_skip_all();
	if (access(module_file(), R_OK))
		skip_module("DOCSTORE_KO is not set, and modinfo does not know docstore");
	fd = open(SYS_MODULE "/refcnt", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, references, sizeof(references)) < 1)
		skip_module("docstore is not loaded, or not as a module");
	if (references[0] != '0')
		skip_module("docstore is in use");
	close(fd);
}

TEST_HARNESS_MAIN
