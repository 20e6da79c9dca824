// SPDX-License-Identifier: GPL-2.0
/* docstore(1): check: is a store what it should be? */
#include <stdio.h>
#include <stdlib.h>

#include "libdocstore_check.h"

#include "numbers.h"
#include "tool.h"

const char check_help[] =
	"Check the store of this NAME, or that --store names, while it is used. Says what is not as\n"
	"it should be; the exit code is 7 if any of it was not repaired.\n\n"
	"  -r, --repair       repair what can be\n"
	"  -j, --json         as one line of JSON\n";

/* So many findings are shown. */
#define FINDINGS	1024

static const struct number check_numbers[] = {
#define NUMBER(member)	NUMBER_OF(struct docstore_check, member, NULL, COUNT)
	NUMBER(documents),
	NUMBER(blocks),
	NUMBER(found),
	NUMBER(repaired),
#undef NUMBER
}, finding_numbers[] = {
#define NUMBER(member)	NUMBER_OF(struct docstore_finding, member, NULL, COUNT)
	NUMBER(place),
	NUMBER(is),
	NUMBER(should),
#undef NUMBER
};

#define NR_CHECK_NUMBERS	(sizeof(check_numbers) / sizeof(check_numbers[0]))
#define NR_FINDING_NUMBERS	(sizeof(finding_numbers) / sizeof(finding_numbers[0]))

/* Of the store as a whole. */
#define NO_PARTITION	UINT32_MAX

static struct ds_str validator_of(const struct docstore_finding *finding)
{
	const char *name = (const char *)finding->validator;

	return ds_mem(name, strnlen(name, sizeof(finding->validator)));
}

static void write_check_json(struct buf *out, const struct docstore_check *info,
			     const struct docstore_finding *findings, int count)
{
	struct json_object *object = json_need(json_object_new_object());
	struct json_object *list = json_need(json_object_new_array());
	int i;

	numbers_add(object, info, check_numbers, NR_CHECK_NUMBERS);
	for (i = 0; i < count; i++) {
		const struct docstore_finding *finding = &findings[i];
		struct json_object *one = json_need(json_object_new_object());

		json_add(one, "validator", json_text(validator_of(finding)));
		if (finding->partition != NO_PARTITION)
			json_add(one, "partition",
				 json_need(json_object_new_int64(finding->partition)));
		numbers_add(one, finding, finding_numbers, NR_FINDING_NUMBERS);
		json_add(one, "repaired", json_need(json_object_new_boolean(
			 !!(finding->state & DOCSTORE_FINDING_REPAIRED))));
		if (json_object_array_add(list, one))
			no_memory();
	}
	json_add(object, "findings", list);
	json_write_object(out, object, false);
	buf_byte(out, '\n');
}

static void write_check(struct buf *out, const struct docstore_check *info,
			const struct docstore_finding *findings, int count)
{
	int i;

	for (i = 0; i < count; i++) {
		const struct docstore_finding *finding = &findings[i];
		struct ds_str validator = validator_of(finding);

		buf_printf(out, "%.*s: ", (int)validator.len, (const char *)validator.data);
		if (finding->partition != NO_PARTITION)
			buf_printf(out, "partition %u, ", finding->partition);
		buf_printf(out, "rule %llu at %llu: is %llu, should be %llu%s\n",
			   (unsigned long long)finding->place >> 32,
			   (unsigned long long)finding->place & 0xffffffff,
			   (unsigned long long)finding->is, (unsigned long long)finding->should,
			   finding->state & DOCSTORE_FINDING_REPAIRED ? ", repaired" : "");
	}
	if (info->found > (uint64_t)count)
		buf_printf(out, "and %llu more\n",
			   (unsigned long long)(info->found - (uint64_t)count));
	buf_printf(out, "%s: %llu documents and %llu pieces of memory looked at, %llu findings",
		   store_name, (unsigned long long)info->documents,
		   (unsigned long long)info->blocks, (unsigned long long)info->found);
	if (info->repaired)
		buf_printf(out, ", %llu repaired", (unsigned long long)info->repaired);
	buf_byte(out, '\n');
}

static bool check_options(int argc, char **argv, bool *json, bool *repair)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "repair", no_argument, NULL, 'r' },
		{ 0 }
	};
	int c;

	*json = false;
	*repair = false;
	while ((c = getopt_long(argc, argv, "jr", options, NULL)) != -1) {
		switch (c) {
		case 'j':
			*json = true;
			break;
		case 'r':
			*repair = true;
			break;
		default:
			bad_option(argv);
			return false;
		}
	}
	return true;
}

int cmd_check(int argc, char **argv)
{
	struct docstore_check info = { .size = sizeof(info) };
	static struct docstore_finding findings[FINDINGS];
	struct buf out = { 0 };
	struct ds_store *store;
	bool json, repair;
	int ret, code;

	if (!check_options(argc, argv, &json, &repair) || !operand_store(argc, argv))
		return USAGE;
	code = open_store(repair ? DOCSTORE_OPEN_READ | DOCSTORE_OPEN_WRITE : DOCSTORE_OPEN_READ,
			  &store);
	if (code)
		return code;
	ret = ds_check(store, repair ? DOCSTORE_CHECK_REPAIR : 0, &info, findings,
		       sizeof(findings[0]), FINDINGS);
	ds_close(store);
	if (ret < 0)
		return fail_store(ret);
	if (json)
		write_check_json(&out, &info, findings, ret);
	else
		write_check(&out, &info, findings, ret);
	code = out_write(&out);
	buf_free(&out);
	if (code)
		return code;
	return info.found > info.repaired ? BAD_DATA : DONE;
}
