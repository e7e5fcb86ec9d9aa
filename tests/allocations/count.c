/* Counts what weir's workers ask of the heap: linked into weir-counted, it stands before the C
 * library's own functions, also for the libraries that weir uses. The count lies in the file that
 * WEIR_ALLOCATIONS names, mapped, so that the test can read it at any time. */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static _Atomic uint64_t *count;

__attribute__((constructor)) static void map_count(void)
{
    const char *path = getenv("WEIR_ALLOCATIONS");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *page = fd >= 0 ? mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;

    if (page != MAP_FAILED)
        count = page;
    if (fd >= 0)
        close(fd);
}

/* The main thread is control, which may be slow and may allocate. */
static void note(void)
{
    static _Thread_local pid_t thread;

    if (!count)
        return;
    if (thread == 0)
        thread = (pid_t)syscall(SYS_gettid);
    if (thread != getpid())
        atomic_fetch_add(count, 1);
}

void *malloc(size_t size)
{
    note();
    return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    note();
    return __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
    note();
    return __libc_realloc(old, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    note();
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    note();
    *memory = __libc_memalign(alignment, size);
    return *memory ? 0 : 12;
}
