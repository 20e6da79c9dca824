// SPDX-License-Identifier: GPL-2.0
/*
 * Any documents in a store, whatever bytes their ids, types, names and values
 * are: through JSON into another store, where they are the same.
 */
#include "stores.h"

static struct ds_str take_str(struct input *in, size_t least, size_t most, uint8_t **copies,
			      size_t *ncopies)
{
	size_t len = take_below(in, 256);

	/* Short ones more often: the bytes are few. */
	len = len < 240 ? len % 24 : (len - 239) * 16;
	if (len < least)
		len = least;
	copies[*ncopies] = take_copy(in, len < most ? len : most, &len);
	if (len < least) {
		/* A copy of nothing has room for one byte. */
		copies[*ncopies][0] = 'x';
		len = least;
	}
	return ds_mem(copies[(*ncopies)++], len);
}

static struct ds_value take_value(struct input *in, uint8_t **copies, size_t *ncopies)
{
	unsigned int type = 1 + take_below(in, 8);
	struct ds_value value;

	switch (type) {
	case T_NULL:
		return ds_null();
	case T_BOOL:
		return ds_bool(take_below(in, 2));
	case T_S64:
	case T_U64:
	case T_F64:
		value = ds_u64(take_number(in));
		value.type = type;
		return value;
	default:
		return ds_typed(type, take_str(in, 0, 2000, copies, ncopies));
	}
}

static bool take_document(struct input *in, struct ds_store *store)
{
	struct ds_write_opts opts = { .size = sizeof(opts) };
	uint8_t *copies[50];
	struct ds_prop props[20];
	size_t count = take_below(in, 20), ncopies = 0, i;
	struct ds_str id = take_str(in, 1, DOCSTORE_MAX_ID, copies, &ncopies);
	int err;

	if (take_below(in, 2))
		opts.type = take_str(in, 1, DOCSTORE_MAX_NAME, copies, &ncopies);
	if (take_below(in, 4) == 3)
		/* So that it can still grow, and be restored. */
		opts.min_version = take_number(in) % (DOCSTORE_MAX_VERSION - 32);
	for (i = 0; i < count; i++) {
		props[i].name = take_str(in, 1, DOCSTORE_MAX_NAME, copies, &ncopies);
		props[i].value = take_value(in, copies, &ncopies);
	}
	err = ds_put(store, id, props, count, &opts, NULL);
	while (ncopies)
		free(copies[--ncopies]);
	MUST(!err);
	return input_left(in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, data + size };
	struct ds_store *from = empty_store("from"), *to = empty_store("to");
	unsigned int n = 0;

	while (take_document(&in, from) && n++ < 16)
		;
	MUST(round_trip(from, to));
	ds_close(from);
	ds_close(to);
	return 0;
}
