#define _GNU_SOURCE
#include "spawn_child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int limit(int resource, uint64_t most) {
    if (most == CHILD_UNLIMITED) return 0;
    struct rlimit value = {most, most};
    return setrlimit(resource, &value);
}

// A descriptor that is free above the first three, so that none of them is overwritten before it is put in its place.
static int above(int descriptor) { return fcntl(descriptor, F_DUPFD, 3); }

// Runs in the child, which shares the parent's memory until execve: nothing here allocates, locks or returns early.
static int become(const struct child_order *order, pid_t parent, const sigset_t *mask) {
    int input = above(order->input), output = above(order->output), errors = above(order->errors);
    if (input < 0 || output < 0 || errors < 0) return errno;
    if (dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(errors, 2) < 0) return errno;
    if (syscall(SYS_close_range, 3U, ~0U, 0U) < 0) return errno;
    if (setsid() < 0) return errno;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) return errno;
    // It may have died before it was asked for.
    if (getppid() != parent) return ESRCH;
    // Where we are niced that far ourselves, there is nothing to do; asking for less would be refused.
    if (getpriority(PRIO_PROCESS, 0) < order->niceness
        && setpriority(PRIO_PROCESS, 0, order->niceness) < 0)
        return errno;
    if (limit(RLIMIT_AS, order->memory) < 0 || limit(RLIMIT_CPU, order->cpu_seconds) < 0
        || limit(RLIMIT_NOFILE, order->open_files) < 0 || limit(RLIMIT_FSIZE, order->file_size) < 0
        || limit(RLIMIT_CORE, 0) < 0)
        return errno;
    // What is ignored stays ignored over execve; a child that writes to nobody is to end.
    signal(SIGPIPE, SIG_DFL);
    if (sigprocmask(SIG_SETMASK, mask, NULL) < 0) return errno;
    execve(order->path, order->arguments, order->environment);
    return errno;
}

pid_t child_spawn(const struct child_order *order) {
    sigset_t all, before, none;
    sigfillset(&all);
    sigemptyset(&none);
    pid_t parent = getpid();
    // Shared with the child: what it puts here is read when it has become another program, or failed to.
    volatile int failure = 0;
    // No handler of ours may run in the child.
    pthread_sigmask(SIG_SETMASK, &all, &before);
    // vfork and not fork: no page of ours is copied, and none is marked to be, which threads that move media would pay.
    pid_t pid = vfork();
    if (pid == 0) {
        failure = become(order, parent, &none);
        _exit(127);
    }
    int error = pid < 0 ? errno : failure;
    if (pid > 0 && error != 0) {
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error != 0 ? -error : pid;
}

int child_watch(pid_t pid) {
    int descriptor = (int)syscall(SYS_pidfd_open, pid, 0U);
    return descriptor < 0 ? -errno : descriptor;
}

int child_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC) < 0 ? -errno : 0; }

int64_t child_cpu_time(pid_t pid) {
    clockid_t clock;
    struct timespec time;
    int error = clock_getcpuclockid(pid, &clock);
    if (error != 0) return -error;
    if (clock_gettime(clock, &time) < 0) return -errno;
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}
