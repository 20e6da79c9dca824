// SPDX-License-Identifier: GPL-2.0
/*
 * The operations of stores by io_uring.
 *
 * A batch is taken over while it is submitted, in the submitter's task. If it is not
 * complete then, its last owner has io_uring run ds_uring_finish() in that task
 * again, where its memory can be reached: there the results are copied and the
 * command is completed, and nowhere else.
 *
 * io_uring cancels commands under the ring's lock, which completing one takes as
 * well: one that is being canceled is not completed before that is over.
 */
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <linux/docstore.h>

#include "compat/uring.h"
#include "ioctl.h"
#include "request.h"
#include "session.h"
#include "submit.h"
#include "uring.h"

/**
 * struct ds_uring - a batch that was submitted by io_uring
 * @submit: the batch
 * @cmd: the command
 * @user: where its argument is
 * @size: the argument's size as the submitter knows it
 * @bytes: memory for which it was counted; 0 if it was not
 */
struct ds_uring {
	struct ds_submit submit;
	struct io_uring_cmd *cmd;
	void __user *user;
	u32 size;
	u64 bytes;
};

/* What a command holds of ours; NULL when it has nothing to be canceled. */
struct ds_uring_pdu {
	struct ds_uring *uring;
};

static struct ds_uring_pdu *ds_uring_pdu(struct io_uring_cmd *cmd)
{
	BUILD_BUG_ON(sizeof(struct ds_uring_pdu) > sizeof(cmd->pdu));
	return (void *)cmd->pdu;
}

/* Results go to user space. */
static int ds_uring_results(struct ds_uring *uring, int err)
{
	struct docstore_submit *arg = &uring->submit.arg;

	if (!err)
		err = ds_submit_results(&uring->submit);
	if (!err)
		err = ds_ioctl_arg_out(uring->user, arg, sizeof(*arg), uring->size);
	return err;
}

static void ds_uring_free(struct ds_uring *uring, int err)
{
	if (uring->bytes)
		ds_session_drop_request(uring->submit.session, uring->bytes);
	ds_submit_end(&uring->submit, err);
	kfree(uring);
}

static void ds_uring_finish(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	struct ds_uring *uring = ds_uring_pdu(cmd)->uring;
	/*
	 * Where the task is gone a kernel thread does it; and a task that is about to
	 * go has given its memory away. Either may have anybody's.
	 */
	bool gone = (current->flags & (PF_KTHREAD | PF_EXITING)) || !current->mm;
	int err;

	err = ds_request_collect(uring->submit.request, !gone);
	if (gone && !err) {
		/* It was carried out, and there is nobody to be told. */
		ds_request_move(uring->submit.request, DS_REQUEST_COMPLETE, DS_REQUEST_SENDING);
		ds_request_fail(uring->submit.request, -ECANCELED);
	}
	err = gone ? -ECANCELED : ds_uring_results(uring, err);
	/* The session stays until it is told. */
	ds_session_drop_request(uring->submit.session, uring->bytes);
	uring->bytes = 0;
	io_uring_cmd_done(cmd, err, issue_flags);
	/* Nobody can cancel it any more. */
	ds_uring_free(uring, err);
}

DS_URING_TASK_WORK(ds_uring_task_work, ds_uring_finish)

/* Context: any. */
static void ds_uring_finished(struct ds_request *request)
{
	struct io_uring_cmd *cmd = request->private;

	io_uring_cmd_complete_in_task(cmd, ds_uring_task_work);
}

static void ds_uring_start(struct ds_uring *uring, unsigned int issue_flags)
{
	struct ds_request *request = uring->submit.request;

	request->private = uring->cmd;
	ds_uring_pdu(uring->cmd)->uring = uring;
	/* From here on it must be completed by ds_uring_finish(), which may be soon. */
	io_uring_cmd_mark_cancelable(uring->cmd, issue_flags);
	ds_request_start(request, uring->submit.arg.timeout_ms, ds_uring_finished);
}

/* Is there room for it in its session? */
static int ds_uring_count(struct ds_uring *uring)
{
	u64 bytes = ds_request_memory(uring->submit.request);
	int err = ds_session_add_request(uring->submit.session, bytes);

	if (err)
		ds_request_fail(uring->submit.request, err);
	else
		uring->bytes = bytes;
	return err;
}

static int ds_uring_submit(struct ds_session *session, struct io_uring_cmd *cmd, u64 user,
			   unsigned int issue_flags)
{
	const u32 min = offsetofend(struct docstore_submit, failed);
	struct ds_uring *uring = kzalloc_obj(*uring, GFP_KERNEL_ACCOUNT);
	struct docstore_submit *arg;
	int err;

	if (!uring)
		return -ENOMEM;
	arg = &uring->submit.arg;
	uring->submit.session = session;
	uring->cmd = cmd;
	uring->user = u64_to_user_ptr(user);
	err = ds_ioctl_arg_in(arg, sizeof(*arg), min, uring->user, &uring->size);
	if (err)
		goto out_free;
	err = ds_submit_begin(&uring->submit, true);
	if (!err)
		err = ds_uring_count(uring);
	if (!err) {
		err = ds_request_try(uring->submit.request);
		if (!err) {
			ds_uring_start(uring, issue_flags);
			return -EIOCBQUEUED;
		}
		if (err > 0)
			err = ds_request_collect(uring->submit.request, true);
	}
	err = ds_uring_results(uring, err);
out_free:
	ds_uring_free(uring, err);
	return err;
}

/* Context: under the ring's lock. */
static int ds_uring_cancel(struct io_uring_cmd *cmd)
{
	struct ds_uring *uring = ds_uring_pdu(cmd)->uring;

	ds_request_cancel(uring->submit.request, -ECANCELED);
	return 0;
}

/**
 * ds_uring_cmd() - carry out a command of io_uring on a store's descriptor
 * @session: the file's session
 * @cmd: the command
 * @issue_flags: enum io_uring_cmd_flags
 *
 * Return: what the operation returns; -EIOCBQUEUED if it is under way; -EAGAIN if it is
 * to be issued again where it may take long.
 */
int ds_uring_cmd(struct ds_session *session, struct io_uring_cmd *cmd,
		 unsigned int issue_flags)
{
	const struct docstore_uring_cmd *payload;
	u64 arg;
	int ret;

	if (issue_flags & IO_URING_F_CANCEL)
		return ds_uring_cancel(cmd);
	payload = ds_uring_payload(cmd);
	/* User space can change it any time. */
	arg = READ_ONCE(payload->arg);
	if (READ_ONCE(payload->__reserved))
		return -EINVAL;
	if (cmd->cmd_op == DOCSTORE_SUBMIT && !session->snapshot)
		return ds_uring_submit(session, cmd, arg, issue_flags);
	if ((issue_flags & IO_URING_F_NONBLOCK) && !ds_ioctl_quick(session, cmd->cmd_op))
		return -EAGAIN;
	ret = ds_ioctl(session, cmd->cmd_op, arg);
	/*
	 * A descriptor: Linux 6.1 loses what is returned if it is more than 0. Or there are
	 * as many as there may be: it must not be issued once more for that.
	 */
	if (ret > 0 || ret == -EAGAIN) {
		io_uring_cmd_done(cmd, ret, issue_flags);
		return -EIOCBQUEUED;
	}
	return ret;
}
