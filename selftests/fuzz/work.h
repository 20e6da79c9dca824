/* SPDX-License-Identifier: GPL-2.0 */
/* What main.c, work.c and log.c share. */
#ifndef DOCSTORE_FUZZ_WORK_H
#define DOCSTORE_FUZZ_WORK_H

#include "fuzz.h"

/**
 * struct fz_options - what the command line says
 * @seed: of chance
 * @programs: how many to run, 0 for no limit
 * @seconds: for how long
 * @corpus: folder to read programs from, and to add to
 * @distill: folder for as few small programs as reach what was reached
 * @blind: don't look at coverage for what to do next
 * @verbose: print every program
 * @quiet: don't write programs to the kernel's log
 * @hang: seconds that a program may take
 * @every: seconds between lines about the progress
 */
struct fz_options {
	__u64 seed;
	__u64 programs;
	unsigned int seconds;
	const char *corpus;
	const char *distill;
	bool blind;
	bool verbose;
	bool quiet;
	unsigned int hang;
	unsigned int every;
};

extern struct fz_options fz_options;

/* log.c */
void fz_log_init(void);
void fz_log_program(const struct fz_program *p);
void fz_log_skip(void);
bool fz_log_last(struct fz_program *p);
bool fz_log_report(char *line, size_t room);

/* work.c: what a worker process does; it ends with the process */
void fz_work(bool replay, char **files, unsigned int nfiles);
void fz_print_program(const struct fz_program *p);
void fz_minimise_report(const struct fz_program *p);

#endif /* DOCSTORE_FUZZ_WORK_H */
