/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Documents of the engine that have numbers, and results by size of the batch: for the
 * programs that measure the engine alone.
 */
#ifndef _NUMBERED_H
#define _NUMBERED_H

#include <stdbool.h>
#include <stdint.h>

#include "native.h"

/* The most that numbered_put() takes at once, and room for an id. */
#define NUMBERED_BATCH	100
#define NUMBERED_ID	32

/**
 * numbered_id() - the id of a document
 * @id: where it goes, NUMBERED_ID bytes
 * @number: the document's number
 *
 * Return: its length.
 */
uint32_t numbered_id(char *id, uint64_t number);

/**
 * numbered_put() - put documents of 100 bytes into the first partition
 * @n: the engine
 * @numbers: their numbers
 * @count: how many, up to NUMBERED_BATCH
 *
 * Return: false if there is no memory.
 */
bool numbered_put(struct native *n, const uint64_t *numbers, unsigned int count);

/**
 * batch_report() - a result as a line of JSON, of the engine in huge pages
 * @type: the program
 * @metric: what was measured
 * @unit: in which unit
 * @documents: documents in the store
 * @batch: documents in a batch
 * @values: of each round; sorted
 * @rounds: how many
 */
void batch_report(const char *type, const char *metric, const char *unit, uint64_t documents,
		  unsigned int batch, double *values, int rounds);

#endif /* _NUMBERED_H */
