/* Programmer's errors. WEIR_ASSERT stays in release builds: a proxy that has lost track of who owns
 * a connection must stop rather than mix the answers of strangers. */
#ifndef WEIR_BASE_ASSERT_H
#define WEIR_BASE_ASSERT_H

/* Prints the place and the expression to standard error and aborts.
 * Thread: any. */
_Noreturn void weir_assert_failed(const char *file, int line, const char *expression,
                                  const char *detail);

#define WEIR_ASSERT(expression)                                                                    \
    ((expression) ? (void)0 : weir_assert_failed(__FILE__, __LINE__, #expression, ""))

/* As WEIR_ASSERT, and prints DETAIL, usually what an object's `…_describe` returned. */
#define WEIR_ASSERT_SHOW(expression, detail)                                                       \
    ((expression) ? (void)0 : weir_assert_failed(__FILE__, __LINE__, #expression, (detail)))

#endif
