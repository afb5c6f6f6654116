// What starting and watching a child process takes on Linux and Swift cannot say: Swift has no fork, and posix_spawn knows
// neither limits nor the signal of the parent's death.
#pragma once
#include <stdint.h>
#include <sys/types.h>

// A limit that is not set.
#define CHILD_UNLIMITED UINT64_MAX

struct child_order {
    const char *path;
    char *const *arguments;
    char *const *environment;
    // Descriptors that become 0, 1 and 2.
    int input, output, errors;
    // 0 to 19, as nice(1) has it.
    int niceness;
    // Octets of address space, seconds of CPU, descriptors, octets of a file.
    uint64_t memory, cpu_seconds, open_files, file_size;
};

// Starts a process that has nothing of ours but its three descriptors, in a session of its own. It is killed when the
// calling THREAD ends. Returns its id, or minus the errno of what failed, execve included.
pid_t child_spawn(const struct child_order *order);

// A descriptor that is readable once the process has ended, or minus errno.
int child_watch(pid_t pid);

// Both ends closed by execve: 0, or minus errno.
int child_pipe(int ends[2]);

// CPU time of a running process in nanoseconds, or minus errno.
int64_t child_cpu_time(pid_t pid);
