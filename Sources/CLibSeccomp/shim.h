// What Swift needs of libseccomp and of Linux that `import Glibc` does not show: calls with variable arguments, and
// those that the C library hides or does not have.
#pragma once
#ifndef O_PATH
#define O_PATH 010000000
#endif
#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/// SIGKILL when the thread that started this process ends.
static inline int confinement_die_with_parent(void) { return prctl(PR_SET_PDEATHSIG, 9, 0, 0, 0); }
static inline int confinement_no_new_privileges(void) { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); }
/// Neither a debugger nor /proc/PID/mem of another process of the same user.
static inline int confinement_not_dumpable(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }
static inline int confinement_close_from(unsigned int first) {
    return (int)syscall(SYS_close_range, first, ~0U, 0);
}

static inline int confinement_limit(int resource, unsigned long long value) {
    struct rlimit limit = {value, value};
    return setrlimit(resource, &limit);
}
static inline int confinement_limit_memory(unsigned long long bytes) {
    return confinement_limit(RLIMIT_AS, bytes);
}
static inline int confinement_limit_cpu(unsigned long long seconds) {
    return confinement_limit(RLIMIT_CPU, seconds);
}
static inline int confinement_limit_files(unsigned long long count) {
    return confinement_limit(RLIMIT_NOFILE, count);
}
static inline int confinement_limit_processes(unsigned long long count) {
    return confinement_limit(RLIMIT_NPROC, count);
}
static inline int confinement_no_core(void) { return confinement_limit(RLIMIT_CORE, 0); }

/// A file or folder as a place, without reading it (O_PATH).
static inline int confinement_place(const char *path) { return open(path, O_PATH | O_CLOEXEC); }
/// Negative where the kernel has no Landlock.
static inline int confinement_landlock_version(void) {
    return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}
static inline int confinement_landlock_create(unsigned long long rights) {
    struct landlock_ruleset_attr attributes = {.handled_access_fs = rights};
    return (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof(attributes), 0);
}
static inline int confinement_landlock_allow(int rules, int folder, unsigned long long rights) {
    struct landlock_path_beneath_attr attributes = {.allowed_access = rights, .parent_fd = folder};
    return (int)syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &attributes, 0);
}
static inline int confinement_landlock_restrict(int rules) {
    return (int)syscall(SYS_landlock_restrict_self, rules, 0);
}

// What a confined process must not be able to do, for its tests: 0 or the error.
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
static inline int confinement_try(long result) { return result < 0 ? errno : 0; }
static inline int confinement_try_open(const char *path, int flags) {
    return confinement_try(open(path, flags, 0600));
}
static inline int confinement_try_socket(void) { return confinement_try(socket(AF_INET, SOCK_STREAM, 0)); }
static inline int confinement_try_fork(void) { return confinement_try(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)); }
static inline int confinement_try_execute(const char *path) {
    char *const arguments[] = {(char *)path, NULL};
    return confinement_try(execve(path, arguments, arguments + 1));
}
static inline int confinement_try_signal(int process) { return confinement_try(kill(process, 0)); }
static inline int confinement_try_trace(void) { return confinement_try(ptrace(PTRACE_TRACEME, 0, 0, 0)); }
static inline int confinement_try_map(unsigned long long bytes, int executable) {
    int protection = PROT_READ | PROT_WRITE | (executable ? PROT_EXEC : 0);
    return mmap(NULL, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? errno : 0;
}
