// SPDX-License-Identifier: GPL-2.0
/*
 * bench: the same workloads against docstore and what it is compared with. This
 * file reads the command line.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"
#include "measure.h"
#include "report.h"
#include "systems.h"
#include "worker.h"

#define TUNABLES	"glibc.malloc.hugetlb=1"

static const char usage_text[] =
	"Usage: bench --system NAME[,NAME]... --workload NAME[,NAME]... [OPTION]...\n"
	"\n"
	"Fills each system with the same documents, and then measures the workloads on\n"
	"all of them in turns. Results go to stdout as JSON Lines, progress to stderr.\n"
	"Lists are separated by commas; every combination is measured where it makes\n"
	"sense.\n"
	"\n"
	"  --system LIST        systems, see --list\n"
	"  --workload LIST      workloads, see --list; \"load\" tells how filling went\n"
	"  --distribution LIST  of reads and writes over documents: uniform, zipf (uniform)\n"
	"  --documents N        documents (1000000)\n"
	"  --value-bytes N      bytes of a value, 16 to 16384 (100)\n"
	"  --threads LIST       threads in each process (1)\n"
	"  --processes LIST     processes (1)\n"
	"  --batch LIST         documents in a batch, 1 to 1000 (16)\n"
	"  --writer LIST        beside readers: 0 nobody; 1 a writer at full speed;\n"
	"                       control: one that writes to another copy of the system, so\n"
	"                       that it disturbs no more than the machine; twin: each worker\n"
	"                       has one that does the same on another copy, and both are\n"
	"                       counted: what twice as many could do that share nothing (0)\n"
	"  --writer-batch N     documents in a batch of the writer (1)\n"
	"  --load-batch N       documents in a batch while filling (100)\n"
	"  --loads N            fill each system so many times from empty; of the times that\n"
	"                       the same batch took, the shortest counts, for what slows\n"
	"                       down all of them is the system's own doing (1)\n"
	"  --runs N             runs of each system and combination, up to 1000 (7)\n"
	"  --run-ms N           length of a run; a fifth more is spent on warming up (100)\n"
	"  --baseline NAME      tell the time of others as a multiple of this system's\n"
	"  --dir DIR            folder for files; to be on tmpfs (/dev/shm)\n"
	"  --redis-server FILE, --memcached FILE\n"
	"                       programs (those on the PATH)\n"
	"  --estimate           only tell how many seconds it will take, about\n"
	"  --list               systems and workloads, with what they are\n"
	"  -h, --help           this text\n"
	"\n"
	"Exit status: 0; 1 if a system failed, which one that cannot be had here does\n"
	"not (it is skipped, and its reason told); 2 for wrong usage.\n";

static char work_dir[200];
static bool estimate;

static void die(const char *what, const char *why)
{
	fprintf(stderr, "bench: %s: %s\n", what, why);
	exit(2);
}

static uint32_t number(const char *name, const char *text, uint32_t min, uint32_t max)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || end == text || *end || n < min || n > max)
		die(name, "not a number in its range, see --help");
	return (uint32_t)n;
}

static uint32_t one_of(const char *name, const char *text, const char *const *names,
		       unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		if (!strcmp(names[i], text))
			return i;
	die(name, text);
	return 0;
}

/* What to do with each word of a list. */
typedef void (*take_word)(struct plan *plan, const char *name, const char *word);

static void for_words(struct plan *plan, const char *name, char *list, take_word take)
{
	char *word;

	for (word = strtok(list, ","); word; word = strtok(NULL, ","))
		take(plan, name, word);
}

static void push(struct numbers *numbers, const char *name, uint32_t n)
{
	if (numbers->count == PLAN_MAX)
		die(name, "too many");
	numbers->of[numbers->count++] = n;
}

static void take_system(struct plan *plan, const char *name, const char *word)
{
	const struct bench_system *system = system_find(word);

	if (!system)
		die(word, "no such system, see --list");
	if (plan->system_count == PLAN_MAX)
		die(name, "too many");
	plan->systems[plan->system_count++] = system;
}

static void take_workload(struct plan *plan, const char *name, const char *word)
{
	const struct workload *workload = workload_find(word);

	if (!strcmp(word, "load")) {
		plan->load = true;
		return;
	}
	if (!workload)
		die(word, "no such workload, see --list");
	if (plan->workload_count == PLAN_MAX)
		die(name, "too many");
	plan->workloads[plan->workload_count++] = workload;
}

static void take_distribution(struct plan *plan, const char *name, const char *word)
{
	push(&plan->distributions, name, one_of(name, word, distribution_names, LATEST));
}

static void take_writer(struct plan *plan, const char *name, const char *word)
{
	push(&plan->writers, name, one_of(name, word, writer_names, WRITERS));
}

static void take_threads(struct plan *plan, const char *name, const char *word)
{
	push(&plan->threads, name, number(name, word, 1, PLAN_MAX));
}

static void take_processes(struct plan *plan, const char *name, const char *word)
{
	push(&plan->processes, name, number(name, word, 1, PLAN_MAX));
}

static void take_batch(struct plan *plan, const char *name, const char *word)
{
	push(&plan->batches, name, number(name, word, 1, BENCH_MAX_BATCH));
}

static void list_all(void)
{
	unsigned int i;

	puts("systems:");
	systems_list();
	puts("workloads:");
	for (i = 0; i < workload_count; i++)
		printf("  %-22s %s\n", workloads[i].name, workloads[i].description);
	printf("  %-22s %s\n", "load", "how long filling took, and memory");
	exit(0);
}

enum option_id {
	OPT_SYSTEM = 256, OPT_WORKLOAD, OPT_DISTRIBUTION, OPT_DOCUMENTS,
	OPT_VALUE_BYTES, OPT_THREADS, OPT_PROCESSES, OPT_BATCH, OPT_WRITER,
	OPT_WRITER_BATCH, OPT_LOAD_BATCH, OPT_LOADS, OPT_RUNS, OPT_RUN_MS,
	OPT_BASELINE,
	OPT_DIR, OPT_REDIS, OPT_MEMCACHED, OPT_LIST,
	OPT_ESTIMATE,
};

static const struct option options[] = {
	{ "system", required_argument, NULL, OPT_SYSTEM },
	{ "workload", required_argument, NULL, OPT_WORKLOAD },
	{ "distribution", required_argument, NULL, OPT_DISTRIBUTION },
	{ "documents", required_argument, NULL, OPT_DOCUMENTS },
	{ "value-bytes", required_argument, NULL, OPT_VALUE_BYTES },
	{ "threads", required_argument, NULL, OPT_THREADS },
	{ "processes", required_argument, NULL, OPT_PROCESSES },
	{ "batch", required_argument, NULL, OPT_BATCH },
	{ "writer", required_argument, NULL, OPT_WRITER },
	{ "writer-batch", required_argument, NULL, OPT_WRITER_BATCH },
	{ "load-batch", required_argument, NULL, OPT_LOAD_BATCH },
	{ "loads", required_argument, NULL, OPT_LOADS },
	{ "runs", required_argument, NULL, OPT_RUNS },
	{ "run-ms", required_argument, NULL, OPT_RUN_MS },
	{ "baseline", required_argument, NULL, OPT_BASELINE },
	{ "dir", required_argument, NULL, OPT_DIR },
	{ "redis-server", required_argument, NULL, OPT_REDIS },
	{ "memcached", required_argument, NULL, OPT_MEMCACHED },
	{ "estimate", no_argument, NULL, OPT_ESTIMATE },
	{ "list", no_argument, NULL, OPT_LIST },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void take_option(struct plan *plan, int option)
{
	switch (option) {
	case OPT_SYSTEM:
		return for_words(plan, "--system", optarg, take_system);
	case OPT_WORKLOAD:
		return for_words(plan, "--workload", optarg, take_workload);
	case OPT_DISTRIBUTION:
		return for_words(plan, "--distribution", optarg, take_distribution);
	case OPT_THREADS:
		return for_words(plan, "--threads", optarg, take_threads);
	case OPT_PROCESSES:
		return for_words(plan, "--processes", optarg, take_processes);
	case OPT_BATCH:
		return for_words(plan, "--batch", optarg, take_batch);
	case OPT_WRITER:
		return for_words(plan, "--writer", optarg, take_writer);
	case OPT_DOCUMENTS:
		plan->documents = number("--documents", optarg, 1, 100000000);
		break;
	case OPT_VALUE_BYTES:
		plan->value_bytes = number("--value-bytes", optarg, BENCH_MIN_VALUE,
					   BENCH_MAX_VALUE);
		break;
	case OPT_WRITER_BATCH:
		plan->writer_batch = number("--writer-batch", optarg, 1, BENCH_MAX_BATCH);
		break;
	case OPT_LOAD_BATCH:
		plan->load_batch = number("--load-batch", optarg, 1, BENCH_MAX_BATCH);
		break;
	case OPT_LOADS:
		plan->loads = number("--loads", optarg, 1, 100);
		break;
	case OPT_RUNS:
		plan->runs = number("--runs", optarg, 1, 1000);
		break;
	case OPT_RUN_MS:
		plan->run_ms = number("--run-ms", optarg, 1, 60000);
		break;
	case OPT_BASELINE:
		plan->baseline = optarg;
		break;
	case OPT_DIR:
		plan->dir = optarg;
		break;
	case OPT_REDIS:
		plan->redis_server = optarg;
		break;
	case OPT_MEMCACHED:
		plan->memcached = optarg;
		break;
	case OPT_ESTIMATE:
		estimate = true;
		break;
	case OPT_LIST:
		list_all();
		break;
	case 'h':
		fputs(usage_text, stdout);
		exit(0);
	default:
		exit(2);
	}
}

static void parse(struct plan *plan, int argc, char **argv)
{
	int option;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1)
		take_option(plan, option);
	if (optind < argc)
		die(argv[optind], "what is that?");
	if (!plan->system_count || (!plan->workload_count && !plan->load))
		die("--system, --workload", "both are needed, see --help");
	if (!plan->distributions.count)
		push(&plan->distributions, "", UNIFORM);
	if (!plan->threads.count)
		push(&plan->threads, "", 1);
	if (!plan->processes.count)
		push(&plan->processes, "", 1);
	if (!plan->batches.count)
		push(&plan->batches, "", 16);
	if (!plan->writers.count)
		push(&plan->writers, "", WRITER_NONE);
}

/*
 * malloc() asks for huge pages only if told so when a program starts. Systems
 * whose memory is to lie in small ones say so, see BENCH_SMALL_PAGES.
 */
static void ask_for_huge_pages(char **argv)
{
	if (getenv("GLIBC_TUNABLES"))
		return;
	setenv("GLIBC_TUNABLES", TUNABLES, 1);
	execv("/proc/self/exe", argv);
}

static void on_signal(int sig)
{
	(void)sig;
	interrupted = 1;
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

static void make_dir(struct plan *plan)
{
	snprintf(work_dir, sizeof(work_dir), "%s/docstore-bench.XXXXXX", plan->dir);
	if (!mkdtemp(work_dir))
		die(work_dir, strerror(errno));
	plan->dir = work_dir;
}

int main(int argc, char **argv)
{
	struct plan plan = {
		.documents = 1000000,
		.value_bytes = 100,
		.load_batch = 100,
		.loads = 1,
		.writer_batch = 1,
		.runs = 7,
		.run_ms = 100,
		.dir = "/dev/shm",
		.redis_server = "redis-server",
		.memcached = "memcached",
	};
	int ret;

	ask_for_huge_pages(argv);
	parse(&plan, argc, argv);
	if (estimate) {
		printf("%.0f\n", measure_estimate(&plan));
		return 0;
	}
	ret = plan_prepare(&plan);
	if (ret)
		die("accesses", strerror(-ret));
	catch_signals();
	make_dir(&plan);
	report_machine(stdout);
	/* What agents leave behind becomes ours, to wait for. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	ret = measure(&plan, stdout);
	while (wait(NULL) > 0 || errno == EINTR)
		;
	remove_tree(work_dir);
	if (ret < 0)
		fprintf(stderr, "bench: %s\n", strerror(-ret));
	return !!ret;
}
