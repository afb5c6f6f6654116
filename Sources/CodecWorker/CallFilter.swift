import CLibSeccomp
import Glibc

/// Which system calls the process may make from now on, for good (seccomp, by libseccomp). What is refused fails with
/// EPERM: a library that asks for more than it needs goes on without it.
struct CallFilter: ~Copyable {
    /// One argument of a call, as the register holds it.
    struct Condition {
        var argument: UInt32
        var mask: UInt64
        var value: UInt64

        static func equals(_ argument: UInt32, _ value: UInt64) -> Condition {
            Condition(argument: argument, mask: .max, value: value)
        }

        static func has(_ argument: UInt32, _ bits: Int32) -> Condition {
            let bits = UInt64(UInt32(bitPattern: bits))
            return Condition(argument: argument, mask: bits, value: bits)
        }

        static func lacks(_ argument: UInt32, _ bits: Int32) -> Condition {
            Condition(argument: argument, mask: UInt64(UInt32(bitPattern: bits)), value: 0)
        }
    }

    enum Verdict {
        case allow
        case refuse(Int32)

        fileprivate var action: UInt32 {
            switch self {
            case .allow: 0x7FFF_0000
            case .refuse(let error): 0x0005_0000 | UInt32(error)
            }
        }
    }

    private let filter: scmp_filter_ctx

    /// What holds for calls without a rule.
    init(otherwise verdict: Verdict) throws(ConfinementError) {
        guard let filter = seccomp_init(verdict.action) else { throw .failed("seccomp_init", ENOMEM) }
        self.filter = filter
    }

    deinit { seccomp_release(filter) }

    /// Names of calls that this machine does not have are passed over.
    func rule(_ verdict: Verdict, _ calls: [String], where conditions: Condition...) throws(ConfinementError)
    {
        for name in calls {
            let call = seccomp_syscall_resolve_name(name)
            guard call >= 0 else { continue }
            let comparisons = conditions.map { condition in
                scmp_arg_cmp(
                    arg: condition.argument,
                    op: SCMP_CMP_MASKED_EQ,
                    datum_a: condition.mask,
                    datum_b: condition.value
                )
            }
            let result = seccomp_rule_add_array(
                filter,
                verdict.action,
                call,
                UInt32(comparisons.count),
                comparisons
            )
            guard result == 0 else { throw .failed("the rule of \(name)", -result) }
        }
    }

    /// From here on it holds; it cannot be taken back. Sets no_new_privs too.
    func load() throws(ConfinementError) {
        let result = seccomp_load(filter)
        guard result == 0 else { throw .failed("seccomp_load", -result) }
    }
}

enum ConfinementError: Error, CustomStringConvertible {
    /// Which step, and `errno`.
    case failed(String, Int32)
    case noCommand
    case notFound(String)

    /// As shells have it.
    var status: Int32 {
        switch self {
        case .failed: 71
        case .noCommand: 64
        case .notFound: 127
        }
    }

    var description: String {
        switch self {
        case .failed(let step, let error): "cannot confine: \(step): \(String(cString: strerror(error)))"
        case .noCommand: "a command is missing behind --"
        case .notFound(let name): "\(name): not found"
        }
    }

    /// Throws where a call of the system failed.
    static func check(_ result: Int32, _ step: String) throws(ConfinementError) {
        guard result == 0 else { throw .failed(step, errno) }
    }
}
