// SPDX-License-Identifier: GPL-2.0
/* docstore(1): how far a long import is, on a terminal. */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "tool.h"

#define SHOW_AFTER	1.0	/* seconds; what is quicker needs no bar */
#define SHOW_EVERY	0.1
#define WIDTH		24

double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

void progress_start(struct progress *progress, uint64_t total)
{
	memset(progress, 0, sizeof(*progress));
	progress->on = isatty(STDERR_FILENO);
	progress->total = total;
	progress->start = now();
}

void progress_show(struct progress *progress, uint64_t bytes, uint64_t documents)
{
	double time, seconds;
	struct buf line = { 0 };

	if (!progress->on)
		return;
	time = now();
	seconds = time - progress->start;
	if (seconds < SHOW_AFTER || time - progress->last < SHOW_EVERY)
		return;
	progress->last = time;
	progress->shown = true;

	buf_str(&line, "\r\033[K");
	if (progress->total) {
		double part = (double)bytes / (double)progress->total;
		int i, full;

		if (part > 1)
			part = 1;
		full = (int)(part * WIDTH);
		buf_byte(&line, '[');
		for (i = 0; i < WIDTH; i++)
			buf_byte(&line, i < full ? '#' : '.');
		buf_printf(&line, "] %3.0f %%  ", part * 100);
	}
	buf_size(&line, bytes);
	buf_printf(&line, "  %llu documents  %.0f/s", (unsigned long long)documents,
		   (double)documents / seconds);
	if (progress->total > bytes && bytes)
		buf_printf(&line, "  %.0f s left", seconds / (double)bytes *
			   (double)(progress->total - bytes));
	fwrite(line.data, 1, line.len, stderr);
	fflush(stderr);
	buf_free(&line);
}

void progress_clear(struct progress *progress)
{
	if (progress->shown)
		fputs("\r\033[K", stderr);
	progress->shown = false;
}
