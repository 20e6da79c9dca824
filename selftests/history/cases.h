/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Small histories, and what is wrong with them. Documents a and b are in partitions of
 * their own, a2 in that of a; the first operation makes all three.
 */
#ifndef HISTORY_CASES_H
#define HISTORY_CASES_H

#include "history.h"

#define SETUP	"document a 0\ndocument b 1\ndocument a2 0\n"			\
		"0 10 20 batch#1 a.set(10)?absent=1 b.set(20)?absent=1 a2.set(30)?absent=1\n"

struct history_case {
	const char *name;
	enum history_anomaly anomaly;
	const char *text;
};

static const struct history_case cases[] = {
	/* Good ones. */
	{ "nothing at all", HISTORY_NONE, "" },
	{ "one after the other", HISTORY_NONE, SETUP
	  "1 30 40 each#2 a.add(5)=2\n"
	  "1 50 60 read a.get=2#2:15 b.get=1#1:20\n"
	  "1 70 80 each#3 a.delete=3\n"
	  "1 90 95 read a.get=absent\n"
	  "1 100 110 each#4 a.add(4)=4\n"
	  "1 120 130 read a.get=4#4:4\n" },
	{ "at the same time, old or new", HISTORY_NONE, SETUP
	  "1 30 90 each#2 a.set(5)=2\n"
	  "2 40 50 read a.get=1#1:10\n"
	  "2 60 70 read a.get=2#2:5\n"
	  "3 35 55 read a.get=2#2:5\n" },
	{ "a batch seen one by one in one partition and not yet in the other", HISTORY_NONE, SETUP
	  "1 30 90 batch#2 a.set(1)=2 b.set(1)=2\n"
	  "2 40 50 read a.get=2#2:1\n"
	  "2 60 70 read b.get=1#1:20\n" },
	{ "the same batch, by two clients the other way round", HISTORY_NONE, SETUP
	  "1 30 90 batch#2 a.set(1)=2 b.set(1)=2\n"
	  "2 40 50 read a.get=2#2:1\n"
	  "3 60 70 read b.get=1#1:20\n"
	  "3 75 80 read b.get=2#2:1 a.get=2#2:1\n" },
	{ "a batch seen by who reads together, before or behind it", HISTORY_NONE, SETUP
	  "1 30 90 batch#2 a.set(1)=2 b.set(1)=2\n"
	  "2 40 50 together a.get=1#1:10 b.get=1#1:20\n"
	  "3 45 55 together b.get=2#2:1 a.get=2#2:1\n" },
	{ "a snapshot is read long after it was taken", HISTORY_NONE, SETUP
	  "2 40 50 snapshot#1\n"
	  "1 60 70 batch#2 a.set(1)=2 b.delete=2\n"
	  "2 80 90 on#1 a.get=1#1:10\n"
	  "2 100 110 on#1 b.get=1#1:20 a2.get=1#1:30\n"
	  "2 120 130 read a.get=2#2:1 b.get=absent\n" },
	{ "conditions that fail for a reason", HISTORY_NONE, SETUP
	  "1 30 40 batch#2 a.set(1)?absent=exists b.set(1)=canceled\n"
	  "1 50 60 batch#3 a.set(1)?7=stale b.set(1)=canceled\n"
	  "1 70 80 each#4 a.delete?1=2 b.add(1)?9=stale\n"
	  "1 90 95 each#5 a.set(1)?exists=absent a2.check?1=1\n"
	  "1 100 110 each#6 a.add(1)?0=3 b.check?exists=1\n" },
	{ "a condition that failed for a moment", HISTORY_NONE, SETUP
	  "1 30 40 each#2 a.delete=2\n"
	  "2 35 90 each#3 a.set(1)?exists=absent\n"
	  "1 50 60 each#4 a.set(7)=3\n" },
	{ "not there, between two lives", HISTORY_NONE, SETUP
	  "1 30 40 each#2 a.delete=2\n"
	  "1 50 60 each#3 a.set(1)=3\n"
	  "1 70 80 each#4 a.delete=4\n"
	  "1 90 100 each#5 a.set(1)=9\n"
	  "2 35 95 together a.get=absent b.get=1#1:20\n" },
	{ "killed, and nothing was done", HISTORY_NONE, SETUP
	  "1 30 ?40 batch#2 a.set(1) b.set(1)\n"
	  "2 50 60 together a.get=1#1:10 b.get=1#1:20\n" },
	{ "killed, and all was done", HISTORY_NONE, SETUP
	  "1 30 ?40 batch#2 a.set(1) b.set(1)\n"
	  "2 50 60 together a.get=2#2:1 b.get=2#2:1\n" },
	{ "killed, and all was done, of which nothing is left", HISTORY_NONE, SETUP
	  "1 30 ?40 batch#2 a.set(1) b.set(1)\n"
	  "2 50 60 each#3 a.set(3)=3 b.set(3)=3\n" },
	{ "killed, and done later", HISTORY_NONE, SETUP
	  "1 30 ? batch#2 a.set(1) b.set(1)\n"
	  "2 50 60 together a.get=1#1:10 b.get=1#1:20\n"
	  "2 70 80 together a.get=2#2:1 b.get=2#2:1\n" },
	{ "one of two that were killed was carried out", HISTORY_NONE, SETUP
	  "1 30 ?40 batch#2 a.add(1) b.add(1)\n"
	  "2 30 ?40 batch#3 a.add(2) b.add(2)\n"
	  "3 50 60 batch#4 a.add(0)=3 b.add(0)=3\n"
	  "3 70 80 together a.get=3#4:12 b.get=3#4:22\n" },
	{ "failed as a whole", HISTORY_NONE, SETUP
	  "1 30 !40 batch#2 a.set(1) b.set(1)\n"
	  "2 50 60 together a.get=1#1:10 b.get=1#1:20\n" },
	{ "one writes where the other one looks, not both", HISTORY_NONE, SETUP
	  "1 30 90 batch#2 a.check?1=1 b.set(1)?1=2\n"
	  "2 30 90 batch#3 b.check?1=stale a.set(1)?1=canceled\n" },
	{ "who reads one by one sees two batches in any order", HISTORY_NONE, SETUP
	  "1 30 90 batch#2 a.set(1)=2 b.set(1)=2\n"
	  "2 30 90 each#3 a2.set(1)=2\n"
	  "3 40 50 read a.get=2#2:1\n"
	  "3 51 52 read a2.get=1#1:30 b.get=1#1:20\n" },

	/* Bad ones, by the name of what is wrong. */
	{ "lost update: two on the same version", HISTORY_LOST_UPDATE, SETUP
	  "1 30 90 each#2 a.set(1)?1=2\n"
	  "2 30 90 each#3 a.set(2)?1=3\n" },
	{ "lost update: one version of two", HISTORY_LOST_UPDATE, SETUP
	  "1 30 90 each#2 a.add(1)=2\n"
	  "2 30 90 each#3 a.add(2)=2\n" },
	{ "lost update: an addition is missing", HISTORY_LOST_UPDATE, SETUP
	  "1 30 40 each#2 a.add(1)=2\n"
	  "2 50 60 each#3 a.add(2)=3\n"
	  "3 70 80 read a.get=3#3:12\n" },
	{ "lost update: a batch that has read before", HISTORY_LOST_UPDATE, SETUP
	  "1 30 90 batch#2 a.add(1)?1=2 b.add(1)=2\n"
	  "2 30 90 batch#3 a.add(1)?1=3 b.add(1)=3\n" },
	{ "dirty read: of a batch that was refused", HISTORY_DIRTY_READ, SETUP
	  "1 30 90 batch#2 a.set(1)=canceled b.set(1)?7=stale\n"
	  "2 40 50 read a.get=2#2:1\n" },
	{ "dirty read: of one that failed", HISTORY_DIRTY_READ, SETUP
	  "1 30 !90 batch#2 a.set(1) b.set(1)\n"
	  "2 100 110 read b.get=2#2:1\n" },
	{ "dirty read: a document of which all was refused", HISTORY_DIRTY_READ, SETUP
	  "1 30 90 each#2 a.set(1)=2 b.set(1)?7=stale\n"
	  "2 100 110 read b.get=2#2:1\n" },
	{ "half a batch: read together", HISTORY_HALF_BATCH, SETUP
	  "1 30 90 batch#2 a.set(1)=2 b.set(1)=2\n"
	  "2 40 50 together a.get=2#2:1 b.get=1#1:20\n" },
	{ "half a batch: on a snapshot", HISTORY_HALF_BATCH, SETUP
	  "1 30 90 batch#2 a.set(1)=2 b.set(1)=2\n"
	  "2 40 50 snapshot#1\n"
	  "2 100 110 on#1 a.get=2#2:1\n"
	  "2 120 130 on#1 b.get=1#1:20\n" },
	{ "half a batch: one document is not there yet", HISTORY_HALF_BATCH,
	  "document a 0\ndocument b 1\n"
	  "1 30 90 batch#2 a.set(1)=1 b.set(1)=1\n"
	  "2 40 50 together a.get=1#2:1 b.get=absent\n" },
	{ "half a batch: one document is gone", HISTORY_HALF_BATCH, SETUP
	  "1 30 90 batch#2 a.set(1)=2 b.delete=2\n"
	  "2 40 50 together a.get=1#1:10 b.get=absent\n" },
	{ "half a batch: of one partition, one after the other", HISTORY_BACK, SETUP
	  "1 30 90 batch#2 a.set(1)=2 a2.set(1)=2\n"
	  "2 40 50 read a.get=2#2:1\n"
	  "2 60 70 read a2.get=1#1:30\n" },
	{ "half a batch: of one partition, read together", HISTORY_HALF_BATCH, SETUP
	  "1 30 90 batch#2 a.set(1)=2 a2.set(1)=2\n"
	  "2 40 50 together a.get=2#2:1 a2.get=1#1:30\n" },
	{ "half a batch: so says the answer", HISTORY_HALF_BATCH, SETUP
	  "1 30 90 batch#2 a.set(1)=2 b.set(1)?7=stale\n" },
	{ "half a batch: of a killed client", HISTORY_HALF_BATCH, SETUP
	  "1 30 ?40 batch#2 a.set(1) b.set(1)\n"
	  "2 50 60 read a.get=2#2:1\n"
	  "2 70 80 read b.get=1#1:20\n" },
	{ "half a batch: of a killed client, with a condition", HISTORY_HALF_BATCH, SETUP
	  "1 30 ?40 batch#2 a.set(1)?1 b.set(1)?1\n"
	  "2 50 60 read a.get=2#2:1\n"
	  "2 70 80 each#3 b.set(1)=2\n" },
	{ "a killed batch that comes to pass bit by bit", HISTORY_HALF_BATCH, SETUP
	  "1 30 ? batch#2 a.set(1) b.set(1)\n"
	  "2 50 60 together a.get=2#2:1 b.get=1#1:20\n"
	  "2 70 80 together a.get=2#2:1 b.get=2#2:1\n" },
	{ "read skew: the second of two batches without the first", HISTORY_READ_SKEW, SETUP
	  "1 30 90 batch#2 a.set(1)=2 a2.set(1)=2\n"
	  "1 30 90 batch#3 a2.set(2)=3 b.set(2)=2\n"
	  "2 30 90 together a.get=1#1:10 b.get=2#3:2\n" },
	{ "long fork", HISTORY_LONG_FORK, SETUP
	  "1 30 90 each#2 a.set(1)=2\n"
	  "2 30 90 each#3 b.set(1)=2\n"
	  "3 30 90 together a.get=2#2:1 b.get=1#1:20\n"
	  "4 30 90 together a.get=1#1:10 b.get=2#3:1\n" },
	{ "long fork: of snapshots", HISTORY_LONG_FORK, SETUP
	  "1 30 90 each#2 a.set(1)=2\n"
	  "2 30 90 each#3 b.set(1)=2\n"
	  "3 30 90 snapshot#1\n"
	  "4 30 90 snapshot#2\n"
	  "3 100 110 on#1 a.get=2#2:1 b.get=1#1:20\n"
	  "4 100 110 on#2 a.get=1#1:10 b.get=2#3:1\n" },
	{ "write skew", HISTORY_WRITE_SKEW, SETUP
	  "1 30 90 batch#2 a.check?1=1 b.set(1)=2\n"
	  "2 30 90 batch#3 b.check?1=1 a.set(1)=2\n" },
	{ "write skew: of who looks whether something is not there", HISTORY_WRITE_SKEW,
	  "document a 0\ndocument b 1\n"
	  "1 30 90 batch#2 a.check?0=0 b.set(1)=1\n"
	  "2 30 90 batch#3 b.check?absent=0 a.set(1)=1\n" },
	{ "interleaved batches", HISTORY_INTERLEAVED, SETUP
	  "1 30 90 batch#2 a.set(1)=2 b.set(1)=3\n"
	  "2 30 90 batch#3 a.set(1)=3 b.set(1)=2\n" },
	{ "circular information flow", HISTORY_CIRCULAR, SETUP
	  "1 30 90 batch#2 a.set(1)=2 b.check?2=2\n"
	  "2 30 90 batch#3 b.set(1)=2 a.check?2=2\n" },
	{ "stale read", HISTORY_STALE_READ, SETUP
	  "1 30 40 each#2 a.set(1)=2\n"
	  "2 41 50 read a.get=1#1:10\n" },
	{ "stale read: of what was deleted", HISTORY_STALE_READ, SETUP
	  "1 30 40 each#2 a.delete=2\n"
	  "2 41 50 read a.get=1#1:10\n" },
	{ "stale read: of what was not there yet", HISTORY_STALE_READ, SETUP
	  "2 41 50 read a.get=absent\n" },
	{ "stale read: of one that was killed before", HISTORY_STALE_READ, SETUP
	  "1 30 ?40 batch#2 a.set(1) b.set(1)\n"
	  "2 41 50 read a.get=1#1:10\n"
	  "2 60 70 read a.get=2#2:1\n" },
	{ "stale read: together", HISTORY_STALE_READ, SETUP
	  "1 30 40 batch#2 a.set(1)=2 b.set(1)=2\n"
	  "2 41 50 together a.get=1#1:10 b.get=1#1:20\n" },
	{ "reads that go back", HISTORY_BACK, SETUP
	  "1 30 90 each#2 a.set(1)=2\n"
	  "2 40 50 read a.get=2#2:1\n"
	  "3 60 70 read a.get=1#1:10\n" },
	{ "reads that go back: from together to one by one", HISTORY_BACK, SETUP
	  "1 30 90 batch#2 a.set(1)=2 b.set(1)=2\n"
	  "2 40 50 together a.get=2#2:1\n"
	  "3 60 70 read a.get=1#1:10\n" },
	{ "reads that go back: both of them together, on other documents", HISTORY_BACK, SETUP
	  "1 30 90 batch#2 a.set(1)=2 b.set(1)=2\n"
	  "2 40 50 together a.get=2#2:1 a2.get=1#1:30 b.get=2#2:1\n"
	  "3 60 70 read b.get=1#1:20\n" },
	{ "snapshots that go back", HISTORY_BACK, SETUP
	  "1 30 90 batch#2 a.set(1)=2 b.set(1)=2\n"
	  "2 40 50 snapshot#1\n"
	  "3 60 70 snapshot#2\n"
	  "3 80 85 on#2 a.get=1#1:10\n"
	  "3 90 95 on#1 b.get=2#2:1\n" },
	{ "snapshot from the past", HISTORY_PAST, SETUP
	  "1 30 40 batch#2 a.set(1)=2 b.set(1)=2\n"
	  "2 41 50 snapshot#1\n"
	  "2 60 70 on#1 b.get=1#1:20\n" },
	{ "snapshot from the past: before something was made", HISTORY_PAST, SETUP
	  "2 41 50 snapshot#1\n"
	  "2 60 70 on#1 b.get=absent\n" },
	{ "snapshot from the future", HISTORY_FUTURE, SETUP
	  "2 25 30 snapshot#1\n"
	  "1 31 40 batch#2 a.set(1)=2 b.set(1)=2\n"
	  "2 60 70 on#1 b.get=2#2:1\n" },
	{ "read from the future", HISTORY_FUTURE, SETUP
	  "2 25 30 read a.get=2#2:1\n"
	  "1 31 40 each#2 a.set(1)=2\n" },
	{ "stale read: not there, since it is to be deleted", HISTORY_STALE_READ, SETUP
	  "2 25 30 read a.get=absent\n"
	  "1 31 40 each#2 a.delete=2\n"
	  "2 50 60 read a.get=absent\n" },
	{ "snapshot that changes", HISTORY_CHANGING, SETUP
	  "2 25 35 snapshot#1\n"
	  "1 30 40 batch#2 a.set(1)=2 b.set(1)=2\n"
	  "2 60 70 on#1 a.get=1#1:10\n"
	  "2 80 90 on#1 a.get=2#2:1\n" },
	{ "snapshot that forgets", HISTORY_HALF_BATCH, SETUP
	  "2 25 35 snapshot#1\n"
	  "1 30 40 batch#2 a.set(1)=2 b.delete=2\n"
	  "2 60 70 on#1 a.get=1#1:10 b.get=absent\n" },
	{ "contents of another version", HISTORY_CONTENTS, SETUP
	  "1 30 40 each#2 a.set(1)=2\n"
	  "2 50 60 read a.get=2#1:10\n" },
	{ "contents that change", HISTORY_CONTENTS, SETUP
	  "1 30 40 each#2 a.set(1)=2\n"
	  "2 50 60 read a.get=2#2:1\n"
	  "2 70 80 read a.get=2#2:10\n" },
	{ "half of a version", HISTORY_LOST_UPDATE, SETUP
	  "1 30 40 each#2 a.set(1)=2\n"
	  "2 50 60 read a.get=2#2:10\n" },
	{ "value from nowhere", HISTORY_NOWHERE, SETUP
	  "2 50 60 read a.get=2#77:10\n" },
	{ "value from another document", HISTORY_NOWHERE, SETUP
	  "1 30 40 each#2 b.set(1)=2\n"
	  "2 50 60 read a.get=2#2:1\n" },
	{ "written twice", HISTORY_TWICE, SETUP
	  "1 30 ?40 batch#2 a.add(1) b.add(1)\n"
	  "2 50 60 read a.get=2#2:11\n"
	  "2 70 80 read a.get=3#2:12\n" },
	{ "version that nobody wrote", HISTORY_PHANTOM, SETUP
	  "1 30 40 each#2 a.set(1)=3\n" },
	{ "version that nobody wrote, by who was refused", HISTORY_PHANTOM, SETUP
	  "1 30 40 each#2 a.set(1)?7=stale\n"
	  "1 50 60 each#3 a.set(1)=3\n" },
	{ "more versions than were written by killed clients", HISTORY_PHANTOM, SETUP
	  "1 30 ?40 batch#2 a.add(1) b.add(1)\n"
	  "2 50 60 each#3 a.set(1)=4\n" },
	{ "condition ignored: there, and was not to be", HISTORY_CONDITION, SETUP
	  "1 30 40 each#2 a.set(1)?absent=2\n" },
	{ "condition ignored: not there, and was to be", HISTORY_CONDITION,
	  "document a 0\n"
	  "1 30 40 each#2 a.set(1)?exists=1\n" },
	{ "condition ignored: a version that it did not have", HISTORY_CONDITION, SETUP
	  "1 30 40 each#2 a.set(1)?7=2\n" },
	{ "condition ignored: deleted, and was not there", HISTORY_CONDITION,
	  "document a 0\n"
	  "1 30 40 each#2 a.delete=1\n" },
	{ "check ignored", HISTORY_STALE_READ, SETUP
	  "1 30 40 each#2 a.set(1)=2\n"
	  "1 50 60 batch#3 a.check?1=1\n" },
	{ "check ignored, by who writes elsewhere", HISTORY_ORDER, SETUP
	  "1 30 40 each#2 a.set(1)=2\n"
	  "1 50 60 batch#3 a.check?1=1 b.set(1)=2\n" },
	{ "refused without a reason: it had that version", HISTORY_NO_REASON, SETUP
	  "1 30 40 each#2 a.set(1)?1=stale\n" },
	{ "refused without a reason: it was not there", HISTORY_NO_REASON,
	  "document a 0\n"
	  "1 30 40 each#2 a.set(1)?absent=exists\n" },
	{ "refused without a reason: it was there", HISTORY_NO_REASON, SETUP
	  "1 30 40 each#2 a.delete=absent\n" },
	{ "refused without a reason: nothing was asked for", HISTORY_NO_REASON, SETUP
	  "1 30 40 each#2 a.set(1)=stale\n" },
	{ "refused without a reason: nothing failed", HISTORY_NO_REASON, SETUP
	  "1 30 40 batch#2 a.set(1)=canceled b.set(1)=canceled\n" },
	{ "two lives, and at no moment both not there", HISTORY_NO_ORDER,
	  "document a 0\ndocument b 1\n"
	  "1 10 20 each#1 a.set(1)=1 b.set(1)=1\n"
	  "1 30 40 each#2 a.delete=2\n"
	  "1 50 60 each#3 a.set(1)=3\n"
	  "1 70 80 each#4 b.delete=2\n"
	  "1 90 100 each#5 b.set(1)=3\n"
	  "1 110 120 each#6 a.delete=4\n"
	  "1 130 140 each#7 a.set(1)=5\n"
	  "2 25 145 together a.get=absent b.get=absent\n" },
	{ "a batch before itself", HISTORY_ORDER, SETUP
	  "1 30 40 each#2 a.set(1)=3\n"
	  "2 50 60 each#3 a.set(1)=2\n" },
	{ "the same tag twice", HISTORY_NONSENSE, SETUP
	  "1 30 40 each#1 a.set(1)=2\n" },
	{ "a snapshot that nobody took", HISTORY_NONSENSE, SETUP
	  "1 30 40 on#1 a.get=1#1:10\n" },
};

#endif /* HISTORY_CASES_H */
