// SPDX-License-Identifier: GPL-2.0
/*
 * The fuzzer's command line, and the process that watches the one that works.
 */
#include <getopt.h>

#include "work.h"

#define FZ_BITS		((int)sizeof(long) * 8)

struct fz_options fz_options = { .hang = 120, .every = 10 };
struct fz_progress *fz_progress;

static void usage(void)
{
	printf("Usage: docstore_fuzz [OPTION]...\n"
	       "       docstore_fuzz --replay FILE|FOLDER...\n"
	       "\n"
	       "Calls all ioctls of /dev/docstore with arguments good and bad, and checks what\n"
	       "comes of it. With kcov, programs that reach something new are kept and changed.\n"
	       "\n"
	       "  --seconds S     for how long (20, if --programs is not given)\n"
	       "  --programs M    how many programs\n"
	       "  --seed N        repeats a run; exactly so with --blind, and as long as a\n"
	       "                  program has no threads and no time limits\n"
	       "  --corpus DIR    run the programs of this folder first, and add new ones to it\n"
	       "  --blind         make programs up without looking at coverage\n"
	       "  --replay ...    only run these programs\n"
	       "  --distill DIR   with --corpus: write as few and as small programs as reach\n"
	       "                  what all of them do\n"
	       "  --verbose       print each program before it runs\n"
	       "  --quiet         don't write programs to the kernel's log (debug messages, not\n"
	       "                  shown on the console unless the kernel panics)\n"
	       "  --hang S        how long a program may take (120)\n"
	       "  --every S       how often the progress is printed (10), 0 for never\n"
	       "\n"
	       "Exit status: 0 if nothing was found, 1 if something was, 2 on other failures, 4\n"
	       "if there is no /dev/docstore.\n");
}

static bool parse(int argc, char **argv, bool *replay)
{
	static const struct option options[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "programs", required_argument, NULL, 'p' },
		{ "seconds", required_argument, NULL, 't' },
		{ "corpus", required_argument, NULL, 'c' },
		{ "distill", required_argument, NULL, 'd' },
		{ "hang", required_argument, NULL, 'h' },
		{ "every", required_argument, NULL, 'e' },
		{ "blind", no_argument, NULL, 'b' },
		{ "replay", no_argument, NULL, 'r' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, '?' },
		{ 0 },
	};
	struct fz_options *o = &fz_options;
	int c;

	o->seed = ds_clock(CLOCK_REALTIME) & 0xffffffff;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 's':
			o->seed = strtoull(optarg, NULL, 0);
			break;
		case 'p':
			o->programs = strtoull(optarg, NULL, 0);
			break;
		case 't':
			o->seconds = strtoul(optarg, NULL, 0);
			break;
		case 'c':
			o->corpus = optarg;
			break;
		case 'd':
			o->distill = optarg;
			break;
		case 'h':
			o->hang = strtoul(optarg, NULL, 0);
			break;
		case 'e':
			o->every = strtoul(optarg, NULL, 0);
			break;
		case 'b':
			o->blind = true;
			break;
		case 'r':
			*replay = true;
			break;
		case 'v':
			o->verbose = true;
			break;
		case 'q':
			o->quiet = true;
			break;
		default:
			usage();
			return false;
		}
	}
	if (!o->programs && !o->seconds)
		o->seconds = 20;
	return *replay == (optind < argc);
}

static double seconds_since(__u64 begin)
{
	return (double)(ds_now() - begin) / DS_SECOND;
}

static void say_progress(__u64 begin)
{
	double seconds = seconds_since(begin);

	printf("# %.0f s: %llu programs (%.0f/s), %llu calls, %llu edges, corpus %llu\n", seconds,
	       (unsigned long long)fz_progress->programs, fz_progress->programs / seconds,
	       (unsigned long long)fz_progress->calls, (unsigned long long)fz_progress->edges,
	       (unsigned long long)fz_progress->corpus);
	fflush(stdout);
}

/* A program that does not come to an end; the kernel says where it is. */
static void say_hang(pid_t pid)
{
	int fd = open("/proc/sysrq-trigger", O_WRONLY);

	printf("# finding: call %u of this program did not come back in %u s:\n", fz_progress->at,
	       fz_options.hang);
	fz_print_program(&fz_progress->program);
	if (fd >= 0 && write(fd, "w", 1) != 1)
		printf("# no list of blocked tasks\n");
	kill(pid, SIGKILL);
	printf("not ok 1 - fuzz: a call did not come back\n");
	fflush(stdout);
	sleep(1);
	_exit(1);
}

/* Wait for a process, but not for ever. */
static void wait_for(pid_t pid, unsigned int seconds)
{
	__u64 end = ds_now() + seconds * DS_SECOND;

	while (waitpid(pid, NULL, WNOHANG) != pid) {
		if (ds_now() > end) {
			kill(pid, SIGKILL);
			return;
		}
		usleep(50000);
	}
}

/* What the kernel complains of, with a smaller program if it does so again. */
static int say_report(pid_t pid, const char *line)
{
	static struct fz_program p;

	fz_progress->stop = 1;
	kill(pid, SIGKILL);
	wait_for(pid, 10);
	snprintf(fz_progress->finding, sizeof(fz_progress->finding), "%s", line);
	if (!fz_log_last(&p))
		fz_program_copy(&p, &fz_progress->program);
	printf("# finding: %s\n# program, unless it was one before it (see the kernel's log):\n",
	       line);
	fz_print_program(&p);
	fz_log_skip();
	printf("# made smaller:\n");
	fflush(stdout);
	pid = fork();
	if (!pid)
		fz_minimise_report(&p);
	wait_for(pid, 120);
	return 1;
}

/* Watch the worker; return the exit status. */
static int watch(pid_t pid, __u64 begin)
{
	double said = 0;
	char line[300];
	int status;

	for (;;) {
		__u64 since = fz_progress->since;

		if (waitpid(pid, &status, WNOHANG) == pid)
			break;
		if (!fz_progress->findings && fz_log_report(line, sizeof(line)))
			return say_report(pid, line);
		if (since && ds_now() - since > fz_options.hang * DS_SECOND &&
		    since == fz_progress->since)
			say_hang(pid);
		if (fz_options.every && seconds_since(begin) - said >= fz_options.every) {
			said = seconds_since(begin);
			say_progress(begin);
		}
		usleep(50000);
	}
	if (!fz_progress->findings && fz_log_report(line, sizeof(line)))
		return say_report(pid, line);
	if (!WIFSIGNALED(status))
		return WEXITSTATUS(status);
	printf("# finding: the fuzzer was ended by signal %d in call %u of\n", WTERMSIG(status),
	       fz_progress->at);
	fz_print_program(&fz_progress->program);
	return 1;
}

int main(int argc, char **argv)
{
	__u64 begin = ds_now();
	bool replay = false;
	int control, status;
	pid_t pid;

	if (!parse(argc, argv, &replay))
		return 2;
	control = ds_control();
	if (control < 0) {
		printf("1..0 # SKIP no " DS_DEVICE "\n");
		return 4;
	}
	close(control);
	fz_progress = ds_shared(sizeof(*fz_progress));
	printf("TAP version 13\n1..1\n");
	if (!replay)
		printf("# --seed %llu%s\n", (unsigned long long)fz_options.seed,
		       fz_options.blind ? " --blind" : "");
	fz_log_init();
	fflush(stdout);
	pid = fork();
	if (!pid)
		fz_work(replay, argv + optind, argc - optind);
	status = watch(pid, begin);
	printf("%sok 1 - %s %d-bit: %llu programs, %llu calls, %llu edges, %.1f s",
	       status ? "not " : "", replay ? "replay" : "fuzz", FZ_BITS,
	       (unsigned long long)fz_progress->programs, (unsigned long long)fz_progress->calls,
	       (unsigned long long)fz_progress->edges, seconds_since(begin));
	/* Often this line is all that is left of a run. */
	if (status)
		printf("; --seed %llu: %s", (unsigned long long)fz_options.seed,
		       fz_progress->finding);
	printf("\n");
	return status;
}
