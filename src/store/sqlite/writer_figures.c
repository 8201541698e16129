/* SPDX-License-Identifier: MIT */
/*
 * The figures of the writer; see writer_figures.h. One thread writes the single words, so no
 * addition has to be atomic. Must not open a file: a close() would drop SQLite's locks.
 */
#include "store/sqlite/writer_figures.h"

#include "base/clock.h"

static int64_t
figure_read(const atomic_int_fast64_t *figure)
{
	return atomic_load_explicit(figure, memory_order_relaxed);
}

static void
figure_write(atomic_int_fast64_t *figure, int64_t value)
{
	atomic_store_explicit(figure, value, memory_order_relaxed);
}

void
writer_figures_init(struct writer_figures *figures)
{
	store_histograms_init(&figures->histograms);
	atomic_init(&figures->checkpoints, 0);
	atomic_init(&figures->commits_failed, 0);
	atomic_init(&figures->failed_mono_ms, 0);
	atomic_init(&figures->database_bytes, 0);
	atomic_init(&figures->wal_bytes, 0);
	pulse_init(&figures->pulse);
}

void
writer_figures_begin(struct writer_figures *figures)
{
	pulse_set(&figures->pulse, clock_mono_ms());
}

void
writer_figures_end(struct writer_figures *figures)
{
	pulse_set(&figures->pulse, PULSE_ASLEEP);
}

void
writer_figures_commit(struct writer_figures *figures, size_t commands)
{
	histogram_add(&figures->histograms.commit_commands, (int64_t)commands);
}

void
writer_figures_failure(struct writer_figures *figures)
{
	figure_write(&figures->failed_mono_ms, clock_mono_ms());
	figure_write(&figures->commits_failed, figure_read(&figures->commits_failed) + 1);
}

void
writer_figures_checkpoint(struct writer_figures *figures, int64_t took_us, bool succeeded)
{
	histogram_add(&figures->histograms.checkpoint_us, took_us);
	if (succeeded)
		figure_write(&figures->checkpoints, figure_read(&figures->checkpoints) + 1);
}

void
writer_figures_log(struct writer_figures *figures, int64_t bytes)
{
	if (bytes > figure_read(&figures->wal_bytes))
		figure_write(&figures->wal_bytes, bytes);
}

/* Takes the size of the database (FILE) or its log (JOURNAL) from SQLite's own open file, because
   nobody else may open it. */
static void
note_size(const struct sqlite_conn *conn, int which, atomic_int_fast64_t *figure)
{
	sqlite3_file *file = NULL;
	sqlite3_int64 size;

	if (sqlite3_file_control(conn->db, "main", which, &file) == SQLITE_OK && file != NULL &&
	    file->pMethods != NULL && file->pMethods->xFileSize(file, &size) == SQLITE_OK)
		figure_write(figure, size);
}

void
writer_figures_sizes(struct writer_figures *figures, const struct sqlite_conn *conn)
{
	note_size(conn, SQLITE_FCNTL_FILE_POINTER, &figures->database_bytes);
	note_size(conn, SQLITE_FCNTL_JOURNAL_POINTER, &figures->wal_bytes);
}

void
writer_figures_read(const struct writer_figures *figures, struct store_stats *stats)
{
	store_histograms_read(&figures->histograms, stats);
	stats->checkpoints = figure_read(&figures->checkpoints);
	stats->commits_failed = figure_read(&figures->commits_failed);
	stats->failed_mono_ms = figure_read(&figures->failed_mono_ms);
	stats->writer_late_ms = pulse_late_ms(&figures->pulse, clock_mono_ms());
	stats->database_bytes = figure_read(&figures->database_bytes);
	stats->wal_bytes = figure_read(&figures->wal_bytes);
}
