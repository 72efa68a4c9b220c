/* What a machine may do to a command, to be loaded before the system's library: locks that lock nothing
 * (ESMHUB_TEST_NO_LOCKS), a clock that is wrong by so many seconds (ESMHUB_TEST_CLOCK), and a sync that fails: that of this
 * number, counted over all threads (ESMHUB_TEST_FAILING_SYNC), which leaves a file behind that says so
 * (ESMHUB_TEST_SYNC_FAILED). Built and loaded by shim.rs. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int no_locks(void) { return getenv("ESMHUB_TEST_NO_LOCKS") != NULL; }

static time_t wrong_by(void) {
    const char *seconds = getenv("ESMHUB_TEST_CLOCK");
    return seconds ? (time_t)strtoll(seconds, NULL, 10) : 0;
}

int flock(int file, int operation) { return no_locks() ? 0 : (int)syscall(SYS_flock, file, operation); }

int lockf(int file, int command, off_t length) {
    int (*next)(int, int, off_t) = (int (*)(int, int, off_t))dlsym(RTLD_NEXT, "lockf");
    return no_locks() ? 0 : next(file, command, length);
}

static int is_lock(int command) {
    return command == F_SETLK || command == F_SETLKW || command == F_OFD_SETLK || command == F_OFD_SETLKW;
}

int fcntl64(int file, int command, ...) {
    va_list arguments;
    va_start(arguments, command);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    return no_locks() && is_lock(command) ? 0 : (int)syscall(SYS_fcntl, file, command, argument);
}

int fcntl(int file, int command, ...) __attribute__((alias("fcntl64")));

int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = (int)syscall(SYS_clock_gettime, clock, now);
    if (result == 0 && clock == CLOCK_REALTIME) now->tv_sec += wrong_by();
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    (void)zone;
    struct timespec exact;
    int result = clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return result;
}

time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}

static int fails(void) {
    static atomic_long made;
    const char *at = getenv("ESMHUB_TEST_FAILING_SYNC"), *mark = getenv("ESMHUB_TEST_SYNC_FAILED");
    if (!at || atomic_fetch_add(&made, 1) + 1 != strtol(at, NULL, 10)) return 0;
    if (mark) close(open(mark, O_WRONLY | O_CREAT, 0644));
    errno = EIO;
    return 1;
}

int fsync(int file) { return fails() ? -1 : (int)syscall(SYS_fsync, file); }

int fdatasync(int file) { return fails() ? -1 : (int)syscall(SYS_fdatasync, file); }
