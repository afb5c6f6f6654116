import CLibSeccomp
import CodecProtocol
import Glibc

/// The long-lived process that makes JPEGs of key frames: reads requests, answers them one after the other.
///
/// After ``confine(_:)`` it can read and write its two pipes, get memory, and end: no file, no network, no other process.
/// What a hostile picture may still do is to kill it, to keep it busy until the platform kills it, and to show a wrong
/// picture, of another camera too. Every picture gets a decoder of its own.
enum PictureWorker {
    struct Limits {
        /// Address space, its libraries with it: some 250 MB of FFmpeg's. A picture of 8192 × 4320 needs about 400 MB.
        var memory: UInt64 = 1 << 30
    }

    static func confine(_ limits: Limits) throws(ConfinementError) {
        PictureCodec.prepare()
        _ = confinement_die_with_parent()
        _ = confinement_close_from(3)
        _ = confinement_not_dumpable()
        try ConfinementError.check(confinement_no_core(), "core")
        try ConfinementError.check(confinement_limit_memory(limits.memory), "memory")
        try ConfinementError.check(confinement_limit_files(0), "files")
        try ConfinementError.check(confinement_limit_processes(0), "processes")
        try ConfinementError.check(confinement_no_new_privileges(), "no_new_privs")
        let filter = try CallFilter(otherwise: .refuse(EPERM))
        try filter.rule(.allow, ["read"], where: .equals(0, UInt64(STDIN_FILENO)))
        try filter.rule(.allow, ["write"], where: .equals(0, UInt64(STDOUT_FILENO)))
        try filter.rule(.allow, ["write"], where: .equals(0, UInt64(STDERR_FILENO)))
        // Memory, but no code of its own.
        try filter.rule(.allow, ["mmap", "mprotect"], where: .lacks(2, PROT_EXEC))
        try filter.rule(.allow, ["munmap", "mremap", "madvise", "brk", "futex"])
        try filter.rule(.allow, ["rt_sigreturn", "rt_sigprocmask", "restart_syscall"])
        try filter.rule(.allow, ["getrandom", "getpid", "gettid", "sched_yield"])
        // A trap of ours ends it (abort).
        try filter.rule(.allow, ["tgkill"], where: .equals(0, UInt64(getpid())))
        try filter.rule(.allow, ["exit", "exit_group"])
        try filter.load()
    }

    /// Until the input ends. 0; 65 where the platform and this programme do not understand each other.
    static func serve() -> Int32 {
        var reader = CodecFrameReader(longest: PictureRequest.longest)
        var piece = [UInt8](repeating: 0, count: 1 << 18)
        while true {
            let count = read(STDIN_FILENO, &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return count == 0 ? 0 : 74 }
            reader.take(piece[..<count])
            do throws(CodecProtocolError) {
                while let frame = try reader.next() {
                    let request = try PictureRequest(decoding: frame)
                    let answer = PictureAnswer(
                        number: request.number,
                        outcome: PictureCodec.jpeg(of: request)
                    )
                    guard send(answer.encoded()) else { return 74 }
                }
            } catch {
                return 65
            }
        }
    }

    private static func send(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }
}
