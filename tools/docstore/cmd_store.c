// SPDX-License-Identifier: GPL-2.0
/* docstore(1): create, remove, stores, info: stores and the module. */
#include <stdio.h>
#include <stdlib.h>

#include "numbers.h"
#include "tool.h"

const char create_help[] =
	"Make an empty store, of this NAME or the one that --store gives. It belongs to its maker,\n"
	"and stays until it is removed or the module is unloaded.\n\n"
	"  -m, --mode MODE    who may read and write it, in octal as for chmod (default: 600)\n"
	"  -b, --max-bytes SIZE  limit of its memory; K, M, G and T stand for powers of 1024\n"
	"                     (default: what the module is set to)\n"
	"  -n, --partitions N over how many partitions documents are spread, 1 to 256\n"
	"                     (default: one for each online CPU)\n";

const char remove_help[] =
	"Remove a store, with all its documents. It has to be named, as NAME or by --store, even if\n"
	"it is the default one. Programs that have it open go on using it.\n";

const char stores_help[] =
	"List all stores.\n\n"
	"  -j, --json         as JSON Lines, one store on a line\n";

const char info_help[] =
	"Describe the store of this NAME, or that --store names, and the module.\n\n"
	"  -j, --json         as one line of JSON\n";

bool parse_size(const char *arg, uint64_t *bytes)
{
	static const char units[] = "KMGT";
	const char *unit;
	int shift = 0;
	char *end;

	if (arg[0] < '0' || arg[0] > '9')
		return false;
	errno = 0;
	*bytes = strtoull(arg, &end, 10);
	if (errno)
		return false;
	if (*end) {
		unit = strchr(units, *end & ~0x20);
		if (!unit || !*unit)
			return false;
		shift = 10 * (int)(unit - units + 1);
		end++;
		if (*end == 'i')
			end++;
		if (*end == 'B')
			end++;
	}
	if (*end || *bytes > UINT64_MAX >> shift)
		return false;
	*bytes <<= shift;
	return true;
}

static bool parse_mode(const char *arg, unsigned int *mode)
{
	unsigned long n;
	char *end;

	if (arg[0] < '0' || arg[0] > '7')
		return false;
	n = strtoul(arg, &end, 8);
	if (*end || !n || n & ~0666ul)
		return false;
	*mode = (unsigned int)n;
	return true;
}

int cmd_create(int argc, char **argv)
{
	static const struct option options[] = {
		{ "mode", required_argument, NULL, 'm' },
		{ "max-bytes", required_argument, NULL, 'b' },
		{ "partitions", required_argument, NULL, 'n' },
		{ 0 }
	};
	struct ds_create_opts opts = { .size = sizeof(opts) };
	uint64_t n;
	int c, err;

	while ((c = getopt_long(argc, argv, "m:b:n:", options, NULL)) != -1) {
		switch (c) {
		case 'm':
			if (!parse_mode(optarg, &opts.mode))
				return usage(argv, "'%s' is no mode; try 600, 640 or 666", optarg);
			break;
		case 'b':
			if (!parse_size(optarg, &opts.max_bytes) || !opts.max_bytes)
				return usage(argv, "'%s' is no size; try 64M", optarg);
			break;
		case 'n':
			if (!parse_u64(optarg, &n) || !n || n > DOCSTORE_MAX_PARTITIONS)
				return usage(argv, "'%s' is not a number from 1 to %d", optarg,
					     DOCSTORE_MAX_PARTITIONS);
			opts.partitions = (unsigned int)n;
			break;
		default:
			return bad_option(argv);
		}
	}
	if (!operand_store(argc, argv))
		return USAGE;
	err = ds_create(store_name, &opts);
	return err ? fail_store(err) : DONE;
}

int cmd_remove(int argc, char **argv)
{
	static const struct option options[] = { { 0 } };
	int err;

	if (getopt_long(argc, argv, "", options, NULL) != -1)
		return bad_option(argv);
	if (!operand_store(argc, argv))
		return USAGE;
	if (!store_named)
		return usage(argv, "say which store, even if it is '%s'", store_name);
	err = ds_remove(store_name, NULL);
	return err ? fail_store(err) : DONE;
}

static const struct number store_numbers[] = {
#define NUMBER(member, label, kind)						\
	NUMBER_OF(struct docstore_store_info, member, label, kind)
	NUMBER(incarnation, "incarnation", COUNT),
	NUMBER(created, "created", TIME),
	NUMBER(uid, "owner (uid)", COUNT),
	NUMBER(gid, "group (gid)", COUNT),
	NUMBER(mode, "mode", MODE),
	NUMBER(partitions, "partitions", COUNT),
	NUMBER(documents, "documents", COUNT),
	NUMBER(names, "names", COUNT),
	NUMBER(max_bytes, "memory limit", BYTES),
	NUMBER(bytes, "memory", BYTES),
	NUMBER(bytes_used, "  in use", BYTES),
	NUMBER(bytes_documents, "    documents", BYTES),
	NUMBER(bytes_index, "    index", BYTES),
	NUMBER(bytes_snapshots, "    for snapshots", BYTES),
	NUMBER(bytes_retired, "  to be reused", BYTES),
	NUMBER(map_size, "mapping", BYTES),
	NUMBER(commits, "commits", COUNT),
	NUMBER(batches, "batches", COUNT),
	NUMBER(batches_failed, "  refused", COUNT),
	NUMBER(lent, "  done by submitters", COUNT),
	NUMBER(polled, "  waited for", COUNT),
	NUMBER(slept, "  slept for", COUNT),
	NUMBER(changes, "versions made", COUNT),
	NUMBER(reads, "documents read", COUNT),
	NUMBER(scanned, "documents scanned", COUNT),
#undef NUMBER
}, module_numbers[] = {
#define NUMBER(member, label)	NUMBER_OF(struct docstore_info, member, label, COUNT)
	NUMBER(abi, "interface"),
	NUMBER(map_layout, "layout of the mapping"),
	NUMBER(workers, "workers"),
	NUMBER(stores, "stores"),
	NUMBER(max_stores, "  at most"),
	NUMBER(max_partitions, "partitions at most"),
	NUMBER(max_ops, "operations in a batch"),
	NUMBER(max_batch, "bytes in a batch"),
	NUMBER(max_document, "bytes of a document"),
	NUMBER(max_properties, "properties"),
	NUMBER(max_names, "names in a store"),
#undef NUMBER
};

#define NR_STORE_NUMBERS	(sizeof(store_numbers) / sizeof(store_numbers[0]))
#define NR_MODULE_NUMBERS	(sizeof(module_numbers) / sizeof(module_numbers[0]))

static struct json_object *store_json(const struct docstore_store_info *info)
{
	struct json_object *object = json_need(json_object_new_object());

	json_add(object, "name", json_text(ds_str((const char *)info->name)));
	numbers_add(object, info, store_numbers, NR_STORE_NUMBERS);
	return object;
}

static void write_info_json(struct buf *out, const struct docstore_store_info *info,
			    const struct docstore_info *module)
{
	struct json_object *object = json_need(json_object_new_object());
	struct json_object *numbers = json_need(json_object_new_object());

	numbers_add(numbers, module, module_numbers, NR_MODULE_NUMBERS);
	json_add(object, "store", store_json(info));
	json_add(object, "module", numbers);
	json_write_object(out, object, false);
	buf_byte(out, '\n');
}

int cmd_info(int argc, char **argv)
{
	struct docstore_store_info info = { .size = sizeof(info) };
	struct docstore_info module = { .size = sizeof(module) };
	struct buf out = { 0 };
	struct ds_store *store;
	bool json;
	int err, code;

	if (!json_option(argc, argv, &json) || !operand_store(argc, argv))
		return USAGE;
	code = open_to_read(&store);
	if (code)
		return code;
	err = ds_store_info(store, &info);
	if (!err)
		err = ds_module_info(NULL, &module);
	ds_close(store);
	if (err)
		return fail_store(err);
	info.name[sizeof(info.name) - 1] = '\0';
	if (json) {
		write_info_json(&out, &info, &module);
	} else {
		buf_printf(&out, "store %s\n", (const char *)info.name);
		numbers_write(&out, &info, store_numbers, NR_STORE_NUMBERS);
		buf_str(&out, "module\n");
		numbers_write(&out, &module, module_numbers, NR_MODULE_NUMBERS);
	}
	code = out_write(&out);
	buf_free(&out);
	return code;
}

static void write_row(struct buf *out, const struct docstore_store_info *info)
{
	struct buf cell = { 0 };

	buf_printf(out, "%-24s %12llu  ", (const char *)info->name,
		   (unsigned long long)info->documents);
	buf_size(&cell, info->bytes);
	buf_printf(out, "%10.*s  ", (int)cell.len, cell.data);
	cell.len = 0;
	buf_size(&cell, info->max_bytes);
	buf_printf(out, "%10.*s  0%03o  %u:%u\n", (int)cell.len, cell.data, info->mode,
		   info->uid, info->gid);
	buf_free(&cell);
}

int cmd_stores(int argc, char **argv)
{
	struct docstore_store_info *stores;
	struct buf out = { 0 };
	size_t i, count;
	bool json;
	int err, code;

	if (!json_option(argc, argv, &json) || !operands(argc, argv, 0, 0))
		return USAGE;
	err = ds_list(NULL, &stores, sizeof(*stores), &count);
	if (err)
		return fail(exit_code(err), "%s", explain(err));
	if (!json)
		buf_printf(&out, "%-24s %12s  %10s  %10s  %4s  %s\n", "NAME", "DOCUMENTS",
			   "MEMORY", "LIMIT", "MODE", "OWNER");
	for (i = 0; i < count; i++) {
		stores[i].name[sizeof(stores[i].name) - 1] = '\0';
		if (json) {
			json_write_object(&out, store_json(&stores[i]), false);
			buf_byte(&out, '\n');
		} else {
			write_row(&out, &stores[i]);
		}
	}
	code = out_write(&out);
	buf_free(&out);
	free(stores);
	return code;
}
