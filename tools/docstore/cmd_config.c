// SPDX-License-Identifier: GPL-2.0
/* docstore(1): config: what is set, and by whom. */
#include <stdio.h>

#include "libdocstore_monitor.h"
#include "tool.h"

const char config_help[] =
	"List the settings of the store that --store names, with their values and where these come\n"
	"from: the store itself, the module, or nobody has set them (default). Settings that are\n"
	"named are listed only; with NAME=VALUE they are set, all of them or none. So is what\n"
	"--reset names: then it is again as if nobody had set it.\n\n"
	"  -m, --module       the module's settings, which stores have that set none\n"
	"  -r, --reset NAME   let this one be what it is without anybody's doing; repeatable\n"
	"  -j, --json         as one line of JSON\n\n"
	"To set those of a store takes its owner or root, and those of the module root. Values of\n"
	"settings that end in _bytes may have K, M, G or T behind them. The settings:\n\n"
	"  lend_documents     batches of so many documents are carried out by their submitters\n"
	"                     when a partition is idle; 0: never\n"
	"  submit_poll_us     microseconds that submitters look for results before they sleep\n"
	"  span_queue         how many batches that span partitions may wait\n"
	"  max_snapshots      how many snapshots there may be\n"
	"  session_requests   how many requests one session may have under way by io_uring\n"
	"  session_bytes      how much memory these may take\n"
	"  session_snapshots  how many snapshots that one session has taken may be open\n"
	"  latency_sample     of batches that need not wait, one in so many is timed; 0: none\n"
	"  watchdog_ms        milliseconds in one state after which a request is reported; 0: never\n"
	"  check_seconds      seconds between one check in the background and the next; 0: no checks\n"
	"  hot_changes        a document that is changed or read so often is hot; 0: never\n"
	"  backlog_bytes      what each partition keeps of changes for streams, from the first on\n"
	"  session_streams    how many streams that one session has opened there may be\n\n"
	"and of the module only:\n\n"
	"  max_stores         how many stores there may be\n"
	"  max_sessions       how many descriptors may be open\n"
	"  memory_percent     limit of stores that are made without one, in percent of the memory\n"
	"  worker_poll_us     microseconds that workers look for work before they sleep\n";

/**
 * struct wish - what the command line asks for
 * @module: the module's settings, not a store's
 * @json: print them as JSON
 * @change: what to change
 * @show: settings to be listed, as bits; 0 for all of them
 */
struct wish {
	bool module;
	bool json;
	struct docstore_config change;
	uint64_t show;
};

static bool of_module(int setting)
{
	return setting >= DOCSTORE_SETTING_MAX_STORES;
}

/* --- the command line ------------------------------------------------------------ */

/* The setting of a name, which ends at @end; negative if it was said that there is none. */
static int find_setting(char **argv, const char *name, const char *end)
{
	char copy[32];
	int setting;

	snprintf(copy, sizeof(copy), "%.*s", (int)(end - name), name);
	setting = end - name < (int)sizeof(copy) ? ds_setting(copy) : -ENOENT;
	if (setting < 0)
		usage(argv, "there is no setting '%.*s'", (int)(end - name), name);
	return setting;
}

static bool ends_in(const char *name, const char *end)
{
	size_t len = strlen(name), n = strlen(end);

	return len > n && !strcmp(name + len - n, end);
}

/* NAME=VALUE, or a NAME that is to be listed. */
static bool parse_operand(char **argv, const char *arg, struct wish *wish)
{
	const char *end = strchrnul(arg, '=');
	int setting = find_setting(argv, arg, end);
	uint64_t value;

	if (setting < 0)
		return false;
	if (!*end) {
		wish->show |= 1ULL << setting;
		return true;
	}
	if (ends_in(ds_setting_name(setting), "_bytes") ? !parse_size(end + 1, &value) :
							  !parse_u64(end + 1, &value)) {
		usage(argv, "'%s' is no value for %s", end + 1, ds_setting_name(setting));
		return false;
	}
	if ((wish->change.set | wish->change.reset) & 1ULL << setting) {
		usage(argv, "%s is named twice", ds_setting_name(setting));
		return false;
	}
	wish->change.set |= 1ULL << setting;
	wish->change.value[setting] = value;
	return true;
}

static bool parse_reset(char **argv, const char *arg, struct wish *wish)
{
	int setting = find_setting(argv, arg, arg + strlen(arg));

	if (setting >= 0)
		wish->change.reset |= 1ULL << setting;
	return setting >= 0;
}

static bool parse(int argc, char **argv, struct wish *wish)
{
	static const struct option options[] = {
		{ "module", no_argument, NULL, 'm' },
		{ "reset", required_argument, NULL, 'r' },
		{ "json", no_argument, NULL, 'j' },
		{ 0 }
	};
	int c, i;

	while ((c = getopt_long(argc, argv, "mr:j", options, NULL)) != -1) {
		if (c == 'm') {
			wish->module = true;
		} else if (c == 'j') {
			wish->json = true;
		} else if (c != 'r') {
			bad_option(argv);
			return false;
		} else if (!parse_reset(argv, optarg, wish)) {
			return false;
		}
	}
	for (; optind < argc; optind++) {
		if (!parse_operand(argv, argv[optind], wish))
			return false;
	}
	for (i = 0; !wish->module && i < DOCSTORE_SETTINGS; i++) {
		if (of_module(i) &&
		    (wish->change.set | wish->change.reset | wish->show) & 1ULL << i) {
			usage(argv, "%s is the module's, and needs --module", ds_setting_name(i));
			return false;
		}
	}
	return true;
}

/* --- changes ---------------------------------------------------------------------- */

/*
 * What the module takes, as far as this program knows: the kernel decides, and does not say
 * which of them it did not like.
 */
static const struct {
	uint64_t least, most;
} ranges[DOCSTORE_SETTINGS] = {
	[DOCSTORE_SETTING_LEND_DOCUMENTS] = { 0, UINT32_MAX },
	[DOCSTORE_SETTING_SUBMIT_POLL_US] = { 0, 1000000 },
	[DOCSTORE_SETTING_SPAN_QUEUE] = { 0, UINT32_MAX },
	[DOCSTORE_SETTING_MAX_SNAPSHOTS] = { 0, UINT32_MAX },
	[DOCSTORE_SETTING_SESSION_REQUESTS] = { 1, UINT32_MAX },
	[DOCSTORE_SETTING_SESSION_BYTES] = { 4096, INT64_MAX },
	[DOCSTORE_SETTING_SESSION_SNAPSHOTS] = { 0, UINT32_MAX },
	[DOCSTORE_SETTING_LATENCY_SAMPLE] = { 0, UINT16_MAX },
	[DOCSTORE_SETTING_WATCHDOG_MS] = { 0, UINT32_MAX },
	[DOCSTORE_SETTING_CHECK_SECONDS] = { 0, UINT32_MAX },
	[DOCSTORE_SETTING_HOT_CHANGES] = { 0, UINT32_MAX },
	[DOCSTORE_SETTING_BACKLOG_BYTES] = { 65536, 1 << 30 },
	[DOCSTORE_SETTING_SESSION_STREAMS] = { 0, UINT32_MAX },
	[DOCSTORE_SETTING_MAX_STORES] = { 0, UINT32_MAX },
	[DOCSTORE_SETTING_MAX_SESSIONS] = { 1, INT32_MAX },
	[DOCSTORE_SETTING_MEMORY_PERCENT] = { 1, 100 },
	[DOCSTORE_SETTING_WORKER_POLL_US] = { 0, 1000000 },
};

/* Which values are out of range, or all of them, if they seem to be good. */
static int fail_value(const struct docstore_config *change)
{
	struct buf list = { 0 };
	bool found = false;
	int i;

	for (i = 0; i < DOCSTORE_SETTINGS; i++) {
		const char *name = ds_setting_name((unsigned int)i);
		uint64_t value = change->value[i];

		if (!(change->set & 1ULL << i))
			continue;
		buf_printf(&list, "%s%s=%llu", list.len ? ", " : "", name,
			   (unsigned long long)value);
		if (value >= ranges[i].least && value <= ranges[i].most)
			continue;
		fail(0, "%s=%llu is out of range: %llu to %llu", name, (unsigned long long)value,
		     (unsigned long long)ranges[i].least, (unsigned long long)ranges[i].most);
		found = true;
	}
	if (!found && list.len)
		fail(0, "this module does not know one of these, or not such a value: %.*s",
		     (int)list.len, list.data);
	else if (!found)
		fail(0, "this module does not know one of the settings that are to be reset");
	buf_free(&list);
	return USAGE;
}

static int fail_config(const struct wish *wish, int err)
{
	const struct docstore_config *change = &wish->change;

	if (err == -EINVAL && (change->set || change->reset))
		return fail_value(change);
	if (!wish->module)
		return fail_store(err);
	if (err == -EPERM || err == -EACCES)
		return fail(NO_ACCESS, "only root may change the module's settings");
	return fail(exit_code(err), "%s", explain(err));
}

/* --- what is printed ------------------------------------------------------------------- */

/* Who has set it? */
static const char *source(const struct docstore_config *own, const struct docstore_config *module,
			  int setting)
{
	if (own != module && own->set & 1ULL << setting)
		return "store";
	return module->set & 1ULL << setting ? "module" : "default";
}

static void write_json(struct buf *out, const struct wish *wish, const struct docstore_config *own,
		       const struct docstore_config *module, uint64_t show)
{
	struct json_object *object = json_need(json_object_new_object());
	struct json_object *settings = json_need(json_object_new_object());
	int i;

	if (!wish->module)
		json_add(object, "store", json_text(ds_str(store_name)));
	for (i = 0; i < DOCSTORE_SETTINGS; i++) {
		struct json_object *one;

		if (!(show & 1ULL << i))
			continue;
		one = json_need(json_object_new_object());
		json_add(one, "value", json_need(json_object_new_uint64(own->value[i])));
		json_add(one, "from",
			 json_need(json_object_new_string(source(own, module, i))));
		json_add(settings, ds_setting_name((unsigned int)i), one);
	}
	json_add(object, "settings", settings);
	json_write_object(out, object, false);
	buf_byte(out, '\n');
}

static int print(const struct wish *wish, const struct docstore_config *own,
		 const struct docstore_config *module)
{
	uint64_t show = own->known & (wish->show ? wish->show : UINT64_MAX);
	struct buf out = { 0 };
	int code, i;

	if (wish->json) {
		write_json(&out, wish, own, module, show);
	} else {
		if (!wish->show)
			buf_printf(&out, "%-18s %20s  %s\n", "SETTING", "VALUE", "FROM");
		for (i = 0; i < DOCSTORE_SETTINGS; i++) {
			if (show & 1ULL << i)
				buf_printf(&out, "%-18s %20llu  %s\n",
					   ds_setting_name((unsigned int)i),
					   (unsigned long long)own->value[i],
					   source(own, module, i));
		}
	}
	code = out_write(&out);
	buf_free(&out);
	return code;
}

static int config_module(const struct wish *wish, bool quiet)
{
	struct docstore_config config = wish->change;
	int err = ds_module_config(NULL, &config);

	if (err)
		return fail_config(wish, err);
	return quiet ? DONE : print(wish, &config, &config);
}

static int config_store(const struct wish *wish, bool quiet)
{
	bool change = wish->change.set || wish->change.reset;
	struct docstore_config config = wish->change, module = { .size = sizeof(module) };
	struct ds_store *store;
	int err, code;

	code = open_store(change ? DOCSTORE_OPEN_READ | DOCSTORE_OPEN_WRITE : DOCSTORE_OPEN_READ,
			  &store);
	if (code)
		return code;
	err = ds_config(store, &config);
	ds_close(store);
	if (!err && !quiet)
		err = ds_module_config(NULL, &module);
	if (err)
		return fail_config(wish, err);
	return quiet ? DONE : print(wish, &config, &module);
}

int cmd_config(int argc, char **argv)
{
	struct wish wish = { .change = { .size = sizeof(wish.change) } };
	bool quiet;

	if (!parse(argc, argv, &wish))
		return USAGE;
	/* Who changes settings wants to hear of those that he has named besides. */
	quiet = (wish.change.set || wish.change.reset) && !wish.show && !wish.json;
	return wish.module ? config_module(&wish, quiet) : config_store(&wish, quiet);
}
