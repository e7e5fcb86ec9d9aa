/* Makes Criterion's sandbox (BoxFort) start in a program built with ThreadSanitizer.
 *
 * BoxFort asks for a shared arena at a random fixed address, which it first tests with mincore(2).
 * ThreadSanitizer reserves nearly all of that range for its shadow, so the arena is never found.
 * Linked into the test program, these two stand before the C library's: they move such an address
 * into the part of the address space that ThreadSanitizer leaves to programs (x86-64, below the
 * libraries). A worker process inherits the arena at the address where it then lies. */
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef __x86_64__

#define ARENA_BASE 0x200000000000u   /* where BoxFort's range begins */
#define PROGRAM_BASE 0x7e8000000000u /* where ThreadSanitizer's upper range for programs begins */
#define ARENA_OFFSET 0x3fffffffffu

/* ThreadSanitizer starts later than the first call. */
#define UNCHECKED __attribute__((no_sanitize("thread")))

void *__interceptor_mmap64(void *address, size_t len, int protection, int flags, int fd,
                           off_t offset);

UNCHECKED static void *moved(void *address)
{
    uintptr_t at = (uintptr_t)address;
    if (at < ARENA_BASE || at >= PROGRAM_BASE)
        return address;
    return (void *)(PROGRAM_BASE + (at & ARENA_OFFSET)); /* NOLINT(performance-no-int-to-ptr) */
}

UNCHECKED int mincore(void *address, size_t len, unsigned char *pages)
{
    return (int)syscall(SYS_mincore, moved(address), len, pages);
}

UNCHECKED void *mmap64(void *address, size_t len, int protection, int flags, int fd, off_t offset)
{
    if ((flags & MAP_FIXED) && (flags & MAP_SHARED))
        address = moved(address);
    return __interceptor_mmap64(address, len, protection, flags, fd, offset);
}

#endif
