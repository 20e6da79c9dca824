// SPDX-License-Identifier: GPL-2.0
/* docstore(1): top: how it is called, and the plain mode. */
#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "tool.h"
#include "top.h"

const char top_help[] =
	"Show what goes on, and go on showing it: stores with their operations a second, latencies,\n"
	"queues and memory; workers; snapshots; places where they meet; and the hottest documents.\n"
	"Latencies and rates are those of the time since it was last shown. On a terminal it fills\n"
	"the screen: press h there for its keys, and q to leave it.\n\n"
	"  -b, --batch        print it, one round after the other, as it does when its output is no\n"
	"                     terminal\n"
	"  -n, --rounds N     end after so many rounds (default: go on)\n"
	"  -d, --delay SECONDS  from one round to the next, 0.1 at least (default: 2)\n";

static void write_round(struct buf *out, const struct top_view *view)
{
	time_t now_is = time(NULL);
	unsigned int n;
	size_t p, i;

	for (n = 0; n < TOP_HEADER; n++) {
		top_header(out, view, n, now_is);
		buf_byte(out, '\n');
	}
	for (p = 0; p < pane_count; p++) {
		size_t count = panes[p].count(view);

		if (!count || panes[p].hidden)
			continue;
		if (panes[p].most && count > panes[p].most)
			count = panes[p].most;
		buf_byte(out, '\n');
		panes[p].head(out, view);
		buf_byte(out, '\n');
		for (i = 0; i < count; i++) {
			panes[p].line(out, view, i);
			buf_byte(out, '\n');
		}
	}
}

/* False if somebody wants it to end. */
static bool sleep_for(double seconds)
{
	return poll(NULL, 0, (int)(seconds * 1000)) >= 0;
}

static int print_round(const struct top_sample *earlier, const struct top_sample *later,
		       const struct top_hot *hot, bool first)
{
	struct top_view view;
	struct buf out = { 0 };
	int code;

	top_compute(earlier, later, &view);
	top_hot_show(hot, &view);
	top_sort(&view, BY_OPERATIONS, false);
	if (!first)
		buf_byte(&out, '\n');
	write_round(&out, &view);
	code = out_write(&out);
	/* Who reads it wants it now. */
	if (!code)
		code = out_close();
	buf_free(&out);
	top_view_free(&view);
	return code;
}

static int top_plain(const struct top_options *options)
{
	double seconds = top_first_interval(options);
	struct top_sample earlier, later;
	struct top_hot hot = { 0 };
	uint64_t round = 0;
	int err, code = DONE;

	err = top_read(&earlier);
	while (!err && !code && sleep_for(seconds)) {
		err = top_read(&later);
		if (!err) {
			top_hot_look(&hot, &later, top_hot_seconds(seconds), UINT64_MAX);
			code = print_round(&earlier, &later, &hot, !round);
		}
		top_sample_free(&earlier);
		earlier = later;
		seconds = options->seconds;
		if (++round == options->rounds)
			break;
	}
	top_hot_free(&hot);
	top_sample_free(&earlier);
	return err ? fail(exit_code(err), "%s", explain(err)) : code;
}

int cmd_top(int argc, char **argv)
{
	static const struct option options[] = {
		{ "batch", no_argument, NULL, 'b' },
		{ "rounds", required_argument, NULL, 'n' },
		{ "delay", required_argument, NULL, 'd' },
		{ 0 }
	};
	struct top_options top = { .seconds = 2 };
	bool plain = false;
	int c;

	while ((c = getopt_long(argc, argv, "bn:d:", options, NULL)) != -1) {
		if (c == 'b')
			plain = true;
		else if (c == 'n' && (!parse_u64(optarg, &top.rounds) || !top.rounds))
			return usage(argv, "'%s' is not a number of rounds", optarg);
		else if (c == 'd' && !top_parse_seconds(optarg, &top.seconds))
			return usage(argv, "'%s' is not a number of seconds, from %g to %g", optarg,
				     TOP_SHORTEST, TOP_LONGEST);
		else if (c != 'n' && c != 'd')
			return bad_option(argv);
	}
	if (!operands(argc, argv, 0, 0))
		return USAGE;
	if (plain || !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return top_plain(&top);
	if (top_has_screen())
		return top_screen(&top);
	fputs("docstore: built without ncurses, so there is only the plain mode (-b)\n", stderr);
	return top_plain(&top);
}
