/// What is run as a child, and what it may use.
package struct ChildCommand: Sendable {
    /// An absolute path; no shell and no search is in between.
    package var path: String
    /// Without the program's own name.
    package var arguments: [String]
    /// Nothing of ours but this: a child has no business with our secrets.
    package var environment: [String: String]
    /// 0 to 19, as `nice` has it.
    package var niceness = 0
    /// Octets of address space.
    package var memoryInBytes: Int?
    package var cpuSeconds: Int?
    package var openFiles: Int? = 64
    /// Octets of a file that it may write.
    package var fileSizeInBytes: Int?

    package init(_ path: String, _ arguments: [String] = [], environment: [String: String] = [:]) {
        self.path = path
        self.arguments = arguments
        self.environment = environment.merging(["PATH": "/usr/local/bin:/usr/bin:/bin"]) { own, _ in own }
    }

    /// Where a program of this name lies in one of the usual folders; `nil`: it is not installed.
    package static func find(
        _ name: String,
        in folders: [String] = ["/usr/local/bin", "/usr/bin", "/bin"]
    ) -> String? {
        folders.map { "\($0)/\(name)" }.first { isExecutable($0) }
    }
}

/// How a child ended.
package struct ChildExit: Sendable, Equatable, CustomStringConvertible {
    package enum Cause: Sendable, Equatable {
        case status(Int)
        case signal(Int)
    }

    package var cause: Cause
    /// All that it used, in user and kernel.
    package var cpuTime: Duration

    package init(_ cause: Cause, cpuTime: Duration) {
        self.cause = cause
        self.cpuTime = cpuTime
    }

    package var description: String {
        switch cause {
        case .status(let status): "status \(status)"
        case .signal(let number): "signal \(number)"
        }
    }
}

/// Why there is no child.
package enum ChildError: Error, Equatable, CustomStringConvertible {
    /// `code` is an errno.
    case notStarted(path: String, code: Int32)

    package var description: String {
        switch self {
        case .notStarted(let path, let code): "\(path) cannot be started: \(explanation(of: code))"
        }
    }
}
