/* The log: one line an event, to standard error, a file, syslog or systemd's journal; the first two
 * as text or JSON. */
#ifndef WEIR_BASE_LOG_H
#define WEIR_BASE_LOG_H

#include <stdbool.h>

enum weir_log_level { WEIR_LOG_DEBUG, WEIR_LOG_INFO, WEIR_LOG_WARN, WEIR_LOG_ERROR };
enum weir_log_format { WEIR_LOG_TEXT, WEIR_LOG_JSON };

/* Where the log goes from now on: "stderr", "syslog", "journal" or the path of a file, which is
 * opened for appending. Thread: control only, others may be logging. Fails: -errno, and everything
 * stays as it was. */
int weir_log_open(const char *to, enum weir_log_level level, enum weir_log_format format);

/* Opens the file again by its path, as log rotation wants it; nothing else to do for the others.
 * Thread: control. Fails: -errno, and the old file stays in use. */
int weir_log_reopen(void);

/* Would a line of this level be written? Lets a caller spare itself the arguments. */
bool weir_log_is_on(enum weir_log_level level);

/* Writes one line; control characters in the arguments are escaped, so that no text from outside
 * can forge a line. Thread: any. Blocks: as long as the write does. */
void weir_log(enum weir_log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
