import CLibSeccomp
import Glibc

/// Runs a command of somebody else's, such as `ffmpeg`, between two pipes: it may read its libraries, compute, and read
/// and write what it was given. `vedette-codec confine`.
///
/// The rules are those that FFmpeg needs to start, so calls are refused by name here, where ``PictureWorker`` names those
/// that it may make. The process ends with the thread that started it (PR_SET_PDEATHSIG): start it from one that stays.
struct Confinement {
    /// Octets of address space.
    var memory: UInt64?
    /// Of CPU time; then it is killed.
    var processorSeconds: UInt64?
    /// 0 to 19.
    var niceness: Int32 = 0

    /// Does not return: the command takes the place of this process, and its number.
    func execute(_ command: ArraySlice<String>) throws(ConfinementError) -> Never {
        guard let name = command.first else { throw .noCommand }
        guard let path = Self.find(name) else { throw .notFound(name) }
        _ = confinement_die_with_parent()
        _ = confinement_close_from(3)
        if niceness > 0 { _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, niceness) }
        try ConfinementError.check(confinement_no_core(), "core")
        try ConfinementError.check(confinement_limit_files(64), "files")
        if let memory { try ConfinementError.check(confinement_limit_memory(memory), "memory") }
        if let processorSeconds {
            try ConfinementError.check(confinement_limit_cpu(processorSeconds), "CPU time")
        }
        try ConfinementError.check(confinement_no_new_privileges(), "no_new_privs")
        try Self.readOnlySystemFolders()
        // The filter lets pass this very pointer and no other: after it the command starts no further programme.
        guard let place = strdup(path) else { throw .failed("memory", ENOMEM) }
        var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
        try Self.loadFilter(allowing: place)
        execve(place, &arguments, environ)
        throw .failed(path, errno)
    }

    private static func find(_ name: String) -> String? {
        if name.contains("/") { return access(name, X_OK) == 0 ? name : nil }
        let folders = getenv("PATH").map { String(cString: $0) } ?? "/usr/local/bin:/usr/bin:/bin"
        return folders.split(separator: ":").map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
    }

    // MARK: Files

    /// Only what belongs to the system can be read: neither the platform's data nor its keys. Kernels before 5.13 have no
    /// Landlock; there the user's files can be read, still not written.
    private static func readOnlySystemFolders() throws(ConfinementError) {
        guard confinement_landlock_version() > 0 else { return }
        let read = UInt64(LANDLOCK_ACCESS_FS_READ_FILE)
        let all = UInt64(1 << 13 - 1)
        let rules = confinement_landlock_create(all)
        guard rules >= 0 else { throw .failed("Landlock", errno) }
        defer { close(rules) }
        let programmes = read | UInt64(LANDLOCK_ACCESS_FS_READ_DIR) | UInt64(LANDLOCK_ACCESS_FS_EXECUTE)
        for folder in ["/usr", "/lib", "/lib32", "/lib64", "/bin"] {
            try allow(folder, programmes, rules)
        }
        for file in [
            "/etc/ld.so.cache", "/etc/ld.so.preload", "/etc/fonts", "/etc/ssl/openssl.cnf", "/dev/null",
            "/dev/urandom", "/dev/random", "/dev/zero", "/proc/cpuinfo", "/proc/meminfo",
            "/sys/devices/system/cpu", "/sys/devices/system/node",
        ] { try allow(file, read, rules) }
        try ConfinementError.check(confinement_landlock_restrict(rules), "Landlock")
    }

    private static func allow(_ path: String, _ rights: UInt64, _ rules: Int32) throws(ConfinementError) {
        let file = confinement_place(path)
        guard file >= 0 else { return }
        defer { close(file) }
        try ConfinementError.check(confinement_landlock_allow(rules, file, rights), path)
    }

    // MARK: System calls

    private static func loadFilter(
        allowing path: UnsafeMutablePointer<CChar>
    ) throws(ConfinementError) {
        let filter = try CallFilter(otherwise: .allow)
        try filter.rule(.refuse(EPERM), denied)
        for bits in [O_WRONLY, O_RDWR, O_CREAT, O_TRUNC] {
            try filter.rule(.refuse(EPERM), ["openat"], where: .has(2, bits))
            try filter.rule(.refuse(EPERM), ["open"], where: .has(1, bits))
        }
        // Its arguments lie in memory, where a filter cannot look; who gets this answer asks in the old way.
        try filter.rule(.refuse(ENOSYS), ["clone3", "openat2"])
        // Threads, but no processes.
        try filter.rule(.refuse(EPERM), ["clone"], where: .lacks(0, 0x0001_0000))
        try leaveOthersAlone(filter)
        let address = UInt64(UInt(bitPattern: path))
        for bit in 0..<64 {
            // "Is not this one" is not to be said in one comparison with a mask: it differs in some bit.
            let mask = UInt64(1) << UInt64(bit)
            try filter.rule(
                .refuse(EPERM),
                ["execve"],
                where: CallFilter.Condition(argument: 0, mask: mask, value: ~address & mask)
            )
        }
        try filter.load()
    }

    /// The platform runs under the same user: it is not to be killed, nor limited, nor signalled by its pipes, and not to
    /// be outlived. The command keeps this process's number, so that it may end itself.
    private static func leaveOthersAlone(_ filter: borrowing CallFilter) throws(ConfinementError) {
        let own = UInt64(UInt32(bitPattern: getpid()))
        for bit in 0..<32 {
            let mask = UInt64(1) << UInt64(bit)
            try filter.rule(
                .refuse(EPERM),
                ["tgkill"],
                where: CallFilter.Condition(argument: 0, mask: mask, value: ~own & mask)
            )
            // 0 means itself.
            try filter.rule(
                .refuse(EPERM),
                ["prlimit64", "sched_setaffinity", "sched_setscheduler", "sched_setparam", "sched_setattr"],
                where: CallFilter.Condition(argument: 0, mask: mask, value: mask)
            )
            try filter.rule(
                .refuse(EPERM),
                ["setpriority", "ioprio_set"],
                where: CallFilter.Condition(argument: 1, mask: mask, value: mask)
            )
        }
        // F_SETOWN, F_SETSIG, F_SETOWN_EX: a signal to whoever is named when a pipe has something.
        for command: UInt64 in [8, 10, 15] {
            try filter.rule(
                .refuse(EPERM),
                ["fcntl"],
                where: CallFilter.Condition(argument: 1, mask: 0xFFFF_FFFF, value: command)
            )
        }
        // PR_SET_PDEATHSIG
        try filter.rule(
            .refuse(EPERM),
            ["prctl"],
            where: CallFilter.Condition(argument: 0, mask: 0xFFFF_FFFF, value: 1)
        )
    }

    private static let denied = [
        // Network, and ways round it.
        "socket", "socketpair", "connect", "bind", "listen", "accept", "accept4", "io_uring_setup",
        "io_uring_enter", "io_uring_register",
        // Other processes.
        "fork", "vfork", "execveat", "ptrace", "process_vm_readv", "process_vm_writev", "kill", "tkill",
        "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_open", "pidfd_getfd", "pidfd_send_signal", "kcmp",
        "process_madvise", "setns", "unshare", "setpgid", "setsid",
        // Files.
        "creat", "truncate", "unlink", "unlinkat", "rename", "renameat", "renameat2", "mkdir", "mkdirat",
        "rmdir", "link", "linkat", "symlink", "symlinkat", "mknod", "mknodat", "chmod", "fchmod", "fchmodat",
        "fchmodat2", "chown", "fchown", "lchown", "fchownat", "utime", "utimes", "utimensat", "futimesat",
        "setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr", "fremovexattr",
        "name_to_handle_at", "open_by_handle_at", "memfd_create", "memfd_secret",
        // The system.
        "mount", "umount2", "move_mount", "open_tree", "fsopen", "fsconfig", "fsmount", "fspick",
        "mount_setattr", "pivot_root", "chroot", "swapon", "swapoff", "reboot", "kexec_load",
        "kexec_file_load", "init_module", "finit_module", "delete_module", "bpf", "perf_event_open",
        "userfaultfd", "keyctl", "add_key", "request_key", "syslog", "acct", "quotactl", "quotactl_fd",
        "settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "sethostname", "setdomainname",
        "iopl", "ioperm", "personality", "fanotify_init", "inotify_init", "inotify_init1", "setuid", "setgid",
        "setreuid", "setregid", "setresuid", "setresgid", "setgroups", "setfsuid", "setfsgid", "capset",
        "msgget", "semget", "shmget", "shmat", "mq_open", "vhangup", "lookup_dcookie",
    ]
}
