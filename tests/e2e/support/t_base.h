/* What every part of the harness stands on: failing with a place, time limits, memory and files
 * that live as long as the test, and bytes made readable.
 *
 * Each Criterion test runs in a process of its own, so "until the test ends" means until that
 * process exits: nothing here needs freeing. Functions that may fail end the test by themselves;
 * they are wrapped in macros of the same name, which note the caller's file and line for the
 * message. */
#ifndef WEIR_E2E_T_BASE_H
#define WEIR_E2E_T_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Remembers where the test called from; the macros use it. Thread: each has its own. */
void t_at(const char *file, int line);
#ifdef T_HARNESS /* the harness's own files: the test's place must stay */
#define T_AT(call) call
#else
#define T_AT(call) (t_at(__FILE__, __LINE__), call)
#endif

/* Ends the test as failed. On a thread other than the test's own it prints and aborts the process,
 * which Criterion reports as a crash. */
_Noreturn void t_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The limit of every wait: a minute, five times that when WEIR_TEST_SLOW is set and not "0"
 * (sanitizer and valgrind runs). */
int t_timeout_ms(void);

/* Monotonic time. Units: milliseconds. */
int64_t t_now_ms(void);

/* A moment `t_timeout_ms()` from now, and what is left until one: at least 0. */
int64_t t_deadline_ms(void);
int t_left_ms(int64_t deadline_ms);

/* A short nap between two looks at something that has no event to wait for (kernel tables, /stats).
 * Not for tests. */
void t_nap(void);

/* Zeroed memory, valid until the test ends. Thread: any. */
void *t_alloc(size_t size);

/* printf into such memory. */
char *t_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* LEN bytes at DATA, terminated by NUL, in such memory. */
char *t_copy(const void *data, size_t len);

/* TEXT with every FROM replaced by TO. */
char *t_replace(const char *text, const char *from, const char *to);

/* A directory of this test's own, removed when it ends, and the path of a file in it. */
const char *t_dir(void);
char *t_path(const char *name);

/* Writes a file into that directory; returns its path. */
char *t_write_file(const char *name, const char *text);
#define t_write_file(...) T_AT((t_write_file)(__VA_ARGS__))

/* Bytes as a C string literal would spell them: \r \n \t \\ \" and \xNN. Long input is cut in the
 * middle. */
char *t_escape(const void *data, size_t len);

/* A port on which nothing listens and of which the kernel knows no socket in any state, reserved
 * for this test until it ends: from 20000 to 31999, below the range of ephemeral ports, claimed by
 * a file lock, so that tests running side by side never meet. */
int t_free_port(void);
#define t_free_port() T_AT((t_free_port)())

/* Fails unless both are the same bytes; shows where they part and what stands there in each. */
void t_assert_bytes(const void *got, size_t got_len, const void *want, size_t want_len);
#define t_assert_bytes(...) T_AT((t_assert_bytes)(__VA_ARGS__))

/* The same for strings; GOT may be null, which is never equal. */
void t_assert_text(const char *got, const char *want);
#define t_assert_text(...) T_AT((t_assert_text)(__VA_ARGS__))

/* Fails unless WANT occurs in GOT. */
void t_assert_contains(const char *got, const char *want);
#define t_assert_contains(...) T_AT((t_assert_contains)(__VA_ARGS__))

/* Fails if UNWANTED occurs in GOT. */
void t_assert_lacks(const char *got, const char *unwanted);
#define t_assert_lacks(...) T_AT((t_assert_lacks)(__VA_ARGS__))

/* Fails unless the numbers are the same; says both and WHAT they are. */
void t_assert_number(const char *what, int64_t got, int64_t want);
#define t_assert_number(...) T_AT((t_assert_number)(__VA_ARGS__))

/* The bytes that weir-origin sends for `size=`: byte I of a body with seed S is byte (I + S) of
 * "weir origin 000\nweir origin 001\n…weir origin ffe\n", which starts over after 65520 bytes. No
 * block size of a power of two divides that, so a block lost, doubled or swapped shows. */
enum { T_PATTERN_PERIOD = 65520 };

/* Writes LEN bytes of it, from byte OFFSET on. Thread: any. */
void t_pattern_fill(void *data, size_t len, uint64_t offset);

/* How many bytes at DATA agree with it before the first that does not; LEN if all do. Thread: any.
 */
size_t t_pattern_match(const void *data, size_t len, uint64_t offset);

#endif
