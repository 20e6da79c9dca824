/* SPDX-License-Identifier: GPL-2.0 */
/* docstore(1): cells of tables that have to fit between the others. */
#ifndef DOCSTORE_CELLS_H
#define DOCSTORE_CELLS_H

#include "text.h"

/*
 * Each adds a cell of @width columns and at least one blank in front of it. What is
 * longer than that is wrong in its place, but not left out.
 */
void cell_text(struct buf *line, int width, const char *text);
void cell_number(struct buf *line, int width, uint64_t n);
void cell_rate(struct buf *line, int width, double per_second);
void cell_percent(struct buf *line, int width, double share);
void cell_size(struct buf *line, int width, uint64_t bytes);
void cell_duration(struct buf *line, int width, double ns);

/*
 * Text that stands at the left, of a name that others have chosen: cut if it is longer
 * than @width, with a '+' at its end, and with nothing in it that terminals act on. In
 * the last cell of a line, whose @width is 0, it is as long as it is; cell_last() cuts it
 * there as well.
 */
void cell_name(struct buf *line, int width, const char *name);
void cell_last(struct buf *line, int width, struct ds_str name);

#endif /* DOCSTORE_CELLS_H */
