// SPDX-License-Identifier: GPL-2.0
/* docstore(1): what watch and journal share: waiting, tokens, small files. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "follow.h"

/* --- tokens --------------------------------------------------------------------- */

bool token_take(struct token *token, const struct ds_stream *stream)
{
	size_t len = TOKEN_ROOM;

	if (ds_stream_token(stream, token_of(token), &len))
		return false;
	token->len = len;
	return true;
}

bool token_read(struct token *token, struct ds_str text)
{
	token->len = TOKEN_ROOM;
	if (!ds_token_parse(text, token_of(token), &token->len))
		return true;
	token->len = 0;
	return false;
}

void token_write(struct buf *buf, const struct token *token)
{
	char text[TOKEN_TEXT];
	int len = ds_token_format(token_of(token), token->len, text, sizeof(text));

	if (len > 0)
		buf_add(buf, text, (size_t)len);
}

/* --- waiting -------------------------------------------------------------------- */

static volatile sig_atomic_t stopped;
static sigset_t before, waiting;
static struct sigaction old_int, old_term;

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

void follow_begin(void)
{
	struct sigaction action = { .sa_handler = stop };
	sigset_t block;

	stopped = 0;
	sigemptyset(&block);
	sigaddset(&block, SIGINT);
	sigaddset(&block, SIGTERM);
	sigprocmask(SIG_BLOCK, &block, &before);
	waiting = before;
	sigdelset(&waiting, SIGINT);
	sigdelset(&waiting, SIGTERM);
	sigaction(SIGINT, &action, &old_int);
	sigaction(SIGTERM, &action, &old_term);
}

void follow_end(void)
{
	/* One that has come by now has been heeded, and does nothing more. */
	sigprocmask(SIG_SETMASK, &before, NULL);
	sigaction(SIGINT, &old_int, NULL);
	sigaction(SIGTERM, &old_term, NULL);
}

bool follow_stopped(void)
{
	sigset_t pending;

	/* Who never has to wait is told as well. */
	if (!stopped && !sigpending(&pending))
		stopped = sigismember(&pending, SIGINT) > 0 || sigismember(&pending, SIGTERM) > 0;
	return stopped;
}

int follow_wait(const struct ds_stream *stream, int timeout_ms)
{
	struct pollfd p = { .fd = ds_stream_fd(stream), .events = POLLIN };
	struct timespec time = {
		.tv_sec = timeout_ms / 1000,
		.tv_nsec = timeout_ms % 1000 * 1000000L,
	};
	int ret;

	if (follow_stopped())
		return -EINTR;
	ret = ppoll(&p, 1, timeout_ms < 0 ? NULL : &time, &waiting);
	if (ret < 0 && errno == EINTR)
		return follow_stopped() ? -EINTR : 1;
	return ret < 0 ? -errno : ret;
}

/* --- small files ---------------------------------------------------------------- */

static int write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

int file_replace(int dir, const char *name, const void *data, size_t len, bool sync)
{
	char *temporary;
	int fd, err;

	if (asprintf(&temporary, "%s.tmp", name) < 0)
		no_memory();
	fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	err = fd < 0 ? -errno : write_all(fd, data, len);
	if (!err && sync && fdatasync(fd))
		err = -errno;
	if (fd >= 0 && close(fd) && !err)
		err = -errno;
	if (!err && renameat(dir, temporary, dir, name))
		err = -errno;
	if (err && fd >= 0)
		unlinkat(dir, temporary, 0);
	free(temporary);
	return err;
}

int file_read(int dir, const char *name, struct buf *buf)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC), err = 0;
	ssize_t n = 1;

	buf->len = 0;
	if (fd < 0)
		return -errno;
	while (n) {
		buf_reserve(buf, 64 * 1024);
		n = read(fd, buf->data + buf->len, buf->room - buf->len);
		if (n < 0 && errno != EINTR) {
			err = -errno;
			break;
		}
		if (n > 0)
			buf->len += (size_t)n;
	}
	close(fd);
	return err;
}
