// SPDX-License-Identifier: GPL-2.0
/*
 * What a worker process does: run programs, keep those that reached something
 * new, make others of them.
 */
#include <pthread.h>
#include <semaphore.h>
#include <sys/stat.h>

#include "work.h"

#define FZ_PAIRS	512

static struct fz_run fz_run;
static struct fz_corpus fz_corpus;
static struct fz_kcov fz_local = { .fd = -1 }, fz_remote = { .fd = -1 };

void fz_print_program(const struct fz_program *p)
{
	static char text[FZ_TEXT];

	fz_print(p, text, sizeof(text));
	fputs(text, stdout);
	fflush(stdout);
}

/* Comparisons are traced in a thread of their own ---------------------------- */

static struct fz_tracer {
	pthread_t thread;
	sem_t go, done;
	const struct fz_program *program;
	struct fz_kcov kcov;
	bool works;
} fz_tracer = { .kcov = { .fd = -1 } };

/* Signals that programs ask for come here as well. */
static void fz_sem_wait(sem_t *sem)
{
	while (sem_wait(sem))
		;
}

static void *fz_trace(void *unused)
{
	(void)unused;
	fz_tracer.works = fz_kcov_enable(&fz_tracer.kcov, true);
	sem_post(&fz_tracer.done);
	while (fz_tracer.works) {
		fz_sem_wait(&fz_tracer.go);
		fz_kcov_begin(&fz_tracer.kcov);
		fz_run_program(&fz_run, fz_tracer.program);
		sem_post(&fz_tracer.done);
	}
	return NULL;
}

static void fz_trace_entry(struct fz_entry *e)
{
	if (!fz_tracer.works)
		return;
	fz_tracer.program = e->program;
	sem_post(&fz_tracer.go);
	fz_sem_wait(&fz_tracer.done);
	e->pairs = malloc(FZ_PAIRS * sizeof(*e->pairs));
	if (e->pairs)
		e->npairs = fz_kcov_pairs(&fz_tracer.kcov, e->pairs, FZ_PAIRS);
}

/* Running ---------------------------------------------------------------------- */

/* How long the last program took. */
static __u64 fz_cost;

static bool fz_run_watched(const struct fz_program *p)
{
	__u64 begin;
	bool good;

	fz_program_copy(&fz_progress->program, p);
	fz_log_program(p);
	if (fz_options.verbose) {
		printf("# program %llu\n", (unsigned long long)fz_progress->programs);
		fz_print_program(p);
	}
	fz_kcov_begin(&fz_local);
	fz_kcov_begin(&fz_remote);
	begin = ds_now();
	fz_progress->since = begin;
	good = fz_run_program(&fz_run, p);
	fz_progress->since = 0;
	fz_cost = ds_now() - begin;
	fz_progress->programs++;
	fz_progress->calls = fz_run.calls;
	return good;
}

/* What the program did that is printed in the end. */
static void fz_keep_finding(void)
{
	memcpy(fz_progress->finding, fz_run.finding, sizeof(fz_progress->finding));
}

static bool fz_still_wrong(void *data, const struct fz_program *p)
{
	char line[300];

	(void)data;
	if (!fz_run_watched(p)) {
		fz_keep_finding();
		return true;
	}
	return fz_log_report(line, sizeof(line));
}

/*
 * A finding is made small as long as it is one; it may depend on what happened
 * before in the same store, and then stays as it is.
 */
static void __attribute__((noreturn)) fz_report(const struct fz_program *p)
{
	static struct fz_program small;
	unsigned int i;

	fz_keep_finding();
	fz_progress->findings = 1;
	fz_program_copy(&small, p);
	for (i = 0; i < 20 && !fz_still_wrong(NULL, p); i++)
		;
	if (i < 20)
		fz_minimise(&small, fz_still_wrong, NULL, 400);
	printf("# finding: %s\n# program%s:\n", fz_progress->finding,
	       i < 20 ? "" : " (which did nothing wrong when it ran again)");
	fz_print_program(&small);
	exit(1);
}

/* The kernel has complained when this program, or one soon before it, ran. */
void fz_minimise_report(const struct fz_program *p)
{
	static struct fz_program small;

	if (!fz_run_init(&fz_run, "r"))
		exit(1);
	fz_program_copy(&small, p);
	if (fz_still_wrong(NULL, &small))
		fz_minimise(&small, fz_still_wrong, NULL, 300);
	else
		printf("# it did not happen again, or is reported only once\n");
	fz_print_program(&small);
	exit(1);
}

static bool fz_reaches_it_too(void *data, const struct fz_program *p)
{
	(void)data;
	if (!fz_run_watched(p))
		fz_report(p);
	return fz_kcov_again(&fz_local, &fz_remote);
}

/* Run a program; what has reached something new is kept. */
static void fz_try(const struct fz_program *tried, bool save)
{
	static struct fz_program program;
	struct fz_program *p = &program;
	char path[4096];
	unsigned int new;

	fz_program_copy(p, tried);
	if (!fz_run_watched(p))
		fz_report(p);
	fz_kcov_forget();
	new = fz_kcov_new_edges(&fz_local, false, true) +
	      fz_kcov_new_edges(&fz_remote, true, true);
	fz_progress->edges = fz_kcov_edges();
	if (!new)
		return;
	/*
	 * Without what it was not for, since it will run again in many forms; if
	 * finding that out doesn't take longer than it saves.
	 */
	if (save && !fz_options.blind && fz_cost * p->ncalls < DS_SECOND / 2)
		fz_minimise_calls(p, fz_reaches_it_too, NULL, p->ncalls);
	fz_corpus_add(&fz_corpus, p);
	fz_corpus.entries[fz_corpus.count - 1].cost = fz_cost;
	fz_progress->corpus = fz_corpus.count;
	if (!fz_options.blind)
		fz_trace_entry(&fz_corpus.entries[fz_corpus.count - 1]);
	if (!save || !fz_options.corpus)
		return;
	snprintf(path, sizeof(path), "%s/%016llx", fz_options.corpus,
		 (unsigned long long)fz_program_hash(p));
	fz_program_save(p, path, NULL);
}

static const struct fz_entry *fz_choose(struct ds_random *r)
{
	unsigned int n = ds_below(r, fz_corpus.count), other = ds_below(r, fz_corpus.count);

	/* Rather the newer ones, and what takes less time. */
	if (ds_below(r, 2))
		n += ds_below(r, fz_corpus.count - n);
	if (fz_corpus.entries[other].cost < fz_corpus.entries[n].cost)
		n = other;
	return &fz_corpus.entries[n];
}

static void fz_fuzz(struct ds_random *r)
{
	static struct fz_program p;
	__u64 end = fz_options.seconds ? ds_now() + fz_options.seconds * DS_SECOND : ~0ULL;
	__u64 begin = fz_progress->programs;

	while (ds_now() < end && !fz_progress->stop &&
	       (!fz_options.programs ||
		fz_progress->programs - begin < fz_options.programs)) {
		if (!fz_options.blind && fz_corpus.count && ds_below(r, 3)) {
			const struct fz_entry *e = fz_choose(r);

			fz_program_copy(&p, e->program);
			fz_mutate(&p, fz_choose(r)->program, e->pairs, e->npairs, r);
		} else {
			fz_generate(&p, r);
		}
		fz_try(&p, true);
	}
}

/* A small corpus --------------------------------------------------------------- */

static unsigned int fz_wanted_edges;

static bool fz_still_reaches(void *data, const struct fz_program *p)
{
	(void)data;
	return fz_run_watched(p) &&
	       fz_kcov_new_edges(&fz_local, false, false) +
	       fz_kcov_new_edges(&fz_remote, true, false) >= fz_wanted_edges;
}

static int fz_smaller(const void *a, const void *b)
{
	const struct fz_entry *x = a, *y = b;

	return (int)x->program->nstructs - (int)y->program->nstructs;
}

/* Of those read, keep what reaches something that those before did not. */
static void fz_distill(void)
{
	static struct fz_program p;
	char path[4096];
	unsigned int i, kept = 0;

	qsort(fz_corpus.entries, fz_corpus.count, sizeof(fz_corpus.entries[0]), fz_smaller);
	for (i = 0; i < fz_corpus.count; i++) {
		fz_program_copy(&p, fz_corpus.entries[i].program);
		fz_wanted_edges = 1;
		if (!fz_still_reaches(NULL, &p))
			continue;
		fz_wanted_edges = fz_kcov_new_edges(&fz_local, false, false) +
				  fz_kcov_new_edges(&fz_remote, true, false);
		fz_minimise(&p, fz_still_reaches, NULL, 60);
		fz_run_watched(&p);
		fz_kcov_new_edges(&fz_local, false, true);
		fz_kcov_new_edges(&fz_remote, true, true);
		fz_progress->edges = fz_kcov_edges();
		snprintf(path, sizeof(path), "%s/%03u", fz_options.distill, kept++);
		fz_program_save(&p, path, NULL);
	}
	printf("# %u programs of %u reach %llu edges\n", kept, fz_corpus.count,
	       (unsigned long long)fz_kcov_edges());
}

/* The whole worker --------------------------------------------------------------- */

struct fz_job {
	bool replay;
	char **files;
	unsigned int nfiles;
};

static void fz_replay(char **files, unsigned int nfiles)
{
	static struct fz_program p;
	struct fz_corpus c = { 0 };
	struct stat st;
	unsigned int i, j;

	for (i = 0; i < nfiles; i++) {
		if (!stat(files[i], &st) && S_ISDIR(st.st_mode)) {
			if (fz_corpus_load(&c, files[i]))
				exit(2);
		} else if (fz_program_load(&p, files[i])) {
			exit(2);
		} else {
			fz_corpus_add(&c, &p);
		}
	}
	for (j = 0; j < c.count; j++)
		fz_try(c.entries[j].program, false);
}

static void *fz_worker(void *data)
{
	struct ds_random r = { .state = fz_options.seed };
	struct fz_corpus read = { 0 };
	const struct fz_job *job = data;
	unsigned int i;

	fz_kcov_enable(&fz_local, false);
	if (!fz_options.blind) {
		sem_init(&fz_tracer.go, 0, 0);
		sem_init(&fz_tracer.done, 0, 0);
		if (!pthread_create(&fz_tracer.thread, NULL, fz_trace, NULL))
			fz_sem_wait(&fz_tracer.done);
	}
	if (job->replay) {
		fz_replay(job->files, job->nfiles);
		return NULL;
	}
	if (fz_options.corpus)
		fz_corpus_load(&read, fz_options.corpus);
	if (fz_options.distill) {
		fz_corpus = read;
		fz_distill();
		return NULL;
	}
	for (i = 0; i < read.count && !fz_progress->stop; i++)
		fz_try(read.entries[i].program, false);
	fz_fuzz(&r);
	return NULL;
}

void fz_work(bool replay, char **files, unsigned int nfiles)
{
	struct fz_job job = { .replay = replay, .files = files, .nfiles = nfiles };
	pthread_t thread;
	sigset_t alarms;

	/* They are for the thread that wants them, see fz_run_signals(). */
	sigemptyset(&alarms);
	sigaddset(&alarms, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &alarms, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	if (!fz_run_init(&fz_run, "0")) {
		fprintf(stderr, "# the fuzzer cannot begin\n");
		exit(2);
	}
	if (fz_kcov_init())
		fz_kcov_enable_remote(&fz_remote, (__u32)getpid());
	if (pthread_create(&thread, NULL, fz_worker, &job))
		exit(2);
	pthread_join(thread, NULL);
	fz_run_end(&fz_run);
	exit(0);
}
