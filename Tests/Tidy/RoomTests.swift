import Testing

/// What the compiler cannot keep of ARCHITECTURE and STYLE.
@Suite("Rooms") struct RoomTests {
    private static let nio: Set = ["NIOCore", "NIOHTTP1", "NIOPosix", "NIOSSL", "NIOWebSocket"]
    private static let server: Set = [
        "HTTPTypes", "Hummingbird", "Logging", "ServiceLifecycle", "Synchronization",
    ]

    /// What the files of each room may import. Whoever adds a line here changes the architecture.
    private static let allowed: [String: Set<String>] = [
        "HSSModel": [],
        "Vs": ["HSSModel"],
        "Vd": ["HSSModel", "Crypto"],
        "Vm": ["HSSModel", "Crypto", "FoundationEssentials"],
        "Vr": ["HSSModel", "Crypto"],
        "MediaFormats": [],
        "CodecProtocol": [],
        "APIDescription": ["CAPIDescription", "Crypto", "FoundationEssentials", "Yams"],
        "CodecWorker": ["CLibAV", "CLibSeccomp", "CodecProtocol", "Glibc"],
        "HostClock": ["HSSModel", "Glibc"],
        "Bus": ["HSSModel", "Vd", "Vr"],
        "Store": ["HSSModel", "Crypto", "Foundation", "GRDB"],
        "Blobs": ["HSSModel", "Crypto", "Glibc", "NIOCore", "NIOPosix", "Synchronization"],
        "Backups": ["HSSModel", "Store", "Crypto", "FoundationEssentials", "Glibc"],
        "SRTTransport": ["HSSModel", "Vm", "CLibSRT", "Glibc", "Synchronization"],
        "ServerKit": server.union(nio).union([
            "HSSModel", "HostClock", "Crypto", "Foundation", "Glibc", "HummingbirdCore", "HummingbirdHTTP2",
            "NIOHTTPTypes", "NIOHTTPTypesHTTP1", "NIOTLS", "SwiftASN1", "UnixSignals", "X509", "Yams",
        ]),
        "ChildProcesses": ["CSpawn", "Glibc", "NIOCore", "NIOPosix", "Synchronization"],
        "CentreManagement": server.union([
            "HSSModel", "HostClock", "Vs", "Vd", "Vr", "Bus", "Store", "Blobs", "ServerKit", "Crypto",
            "CryptoExtras", "Dispatch", "Foundation", "NIOCore",
        ]),
        "ServiceControl": server.union(nio).union([
            "HSSModel", "HostClock", "Vd", "Vm", "Vr", "Bus", "Store", "Blobs", "ServerKit",
            "AsyncHTTPClient", "Crypto", "FoundationEssentials", "Glibc",
        ]),
        "MediaDistribution": server.union([
            "HSSModel", "HostClock", "Vm", "MediaFormats", "CodecProtocol", "Bus", "ServerKit",
            "SRTTransport", "ChildProcesses", "Glibc", "NIOCore", "NIOWebSocket",
        ]),
        "CloudStorage": server.union([
            "HSSModel", "HostClock", "Vr", "MediaFormats", "Bus", "Store", "Blobs", "ServerKit", "Crypto",
            "NIOCore", "NIOPosix",
        ]),
        "CustomerAccess": server.union([
            "APIDescription", "HSSModel", "HostClock", "Vd", "Vr", "Bus", "ServerKit", "FoundationEssentials",
            "NIOCore",
        ]),
        "WebConsole": ["Crypto", "HTTPTypes", "Hummingbird", "NIOCore"],
        "PremisesUnit": nio.union([
            "HSSModel", "HostClock", "Vs", "Vd", "Vm", "Vr", "MediaFormats", "SRTTransport",
            "AsyncHTTPClient", "Dispatch", "Foundation", "Glibc", "Synchronization",
        ]),
        "DeviceCheck": nio.union([
            "HSSModel", "HostClock", "Vs", "Vd", "Vm", "MediaFormats", "SRTTransport", "Foundation",
            "Synchronization",
        ]),
        "CustomerUnit": nio.union([
            "HSSModel", "HostClock", "Vm", "SRTTransport", "AsyncHTTPClient", "Dispatch",
            "FoundationEssentials",
            "Glibc", "NIOFoundationCompat", "Synchronization",
        ]),
    ]

    /// Protocols and formats: values without I/O, clocks or chance of their own.
    private static let pure: Set = [
        "HSSModel", "Vs", "Vd", "Vm", "Vr", "MediaFormats", "CodecProtocol", "Bus",
        "APIDescription",
    ]
    /// The executable is the only room that knows all others.
    private static let root = "vedette"

    @Test func importOnlyWhatTheyMay() throws {
        for file in try Repository.files(in: "Sources") where file.room != Self.root {
            let allowed = Self.allowed[file.room]
            #expect(allowed != nil, "\(file): RoomTests does not know this room")
            for name in file.imports {
                #expect(allowed?.contains(name) ?? true, "\(file) imports \(name)")
            }
        }
    }

    @Test func theRootTakesNoFoundationItDoesNotNeed() throws {
        for file in try Repository.files(in: "Sources/vedette") {
            #expect(!file.imports.contains("Foundation"), "\(file): FoundationEssentials does")
        }
    }

    @Test func onlyOneRoomKnowsEachCLibrary() throws {
        let owners = ["CLibSRT": "SRTTransport", "CLibAV": "CodecWorker", "CLibSeccomp": "CodecWorker"]
        for file in try Repository.files(in: "Sources") {
            for name in file.imports {
                guard let owner = owners[name] else { continue }
                #expect(file.room == owner, "\(file) imports \(name)")
            }
        }
    }

    /// Time and chance come in as parameters, so that the platform, the unit and the tests run the same code.
    @Test func protocolsHaveNoHiddenClockDiceTaskLockOrFile() throws {
        let forbidden = [
            #"\.now\b"#, #"ContinuousClock|SuspendingClock"#, #"\bDate\("#,
            #"\bSystemRandomNumberGenerator\b"#,
            #"\brandom\(in:(?!.*\busing:)"#, #"\.(randomElement|shuffled|shuffle)\(\)"#, #"\bUUID\("#,
            #"\bTask\b\s*[{.(]"#, #"\b(async|await|actor)\b"#,
            #"\b(Mutex|Atomic|NSLock|DispatchQueue|Thread)\b"#,
            #"\b(FileManager|FileHandle|fopen|print)\b"#,
        ]
        let patterns = try forbidden.map { try Regex($0) }
        for room in Self.pure {
            for file in try Repository.files(in: "Sources/" + room) {
                // Bus holds the reference points as protocols: what waits there is somebody else's.
                let rules = room == "Bus" ? Array(patterns.prefix(7)) : patterns
                for (number, text) in file.code {
                    for rule in rules {
                        #expect(text.firstMatch(of: rule) == nil, "\(file):\(number): \(text)")
                    }
                }
            }
        }
    }

    /// Only ``HostClock`` reads the host's clocks; what else measures time takes its instants.
    @Test func theHostClockIsTheOnlyOne() throws {
        let clocks = try Regex(
            #"\b(ContinuousClock|SuspendingClock|clock_gettime|gettimeofday|DispatchTime)\b"#
        )
        for file in try Repository.files(in: "Sources") where file.room != "HostClock" {
            for (number, text) in file.code {
                #expect(text.firstMatch(of: clocks) == nil, "\(file):\(number): \(text)")
            }
        }
    }

    /// `Mutex<T>` is generic code: a bare closure in it is wrapped anew, for good, by every look at it. A million looks made
    /// a call through a million frames.
    @Test func noLockHoldsABareClosure() throws {
        for file in try Repository.files(in: "Sources") {
            for (number, text) in file.code {
                let isBare = try Self.locksABareClosure(text)
                #expect(!isBare, "\(file):\(number): put it into a structure: \(text)")
            }
        }
    }

    private static func locksABareClosure(_ line: String) throws -> Bool {
        guard line.contains("Mutex<") else { return false }
        return try line.contains(Regex(#"Mutex<\(?(@\w+ )*\(.*\)( async)?( throws(\(\w+\))?)? -> "#))
    }

    /// The rule above must be able to fail.
    @Test(arguments: [
        ("let a: Mutex<(@Sendable (Int) -> Void)?> = Mutex(nil)", true), ("let a: Mutex<() -> Void>", true),
        ("let a = Mutex<(Int, Int)>((1, 2))", false), ("let a: Mutex<[Int: () -> Void]>", false),
        ("let a: Mutex<(@Sendable (Int) async -> Void)?>", true),
    ]) func aBareClosureIsFound(line: String, isFound: Bool) throws {
        #expect(try Self.locksABareClosure(line) == isFound)
    }

    /// Two machines are one idea each and longer: split, they would have to open their state.
    private static let longer: Set = [
        "Sources/Vm/LiveChannel.swift", "Sources/PremisesUnit/UnitMachine.swift",
    ]

    @Test func filesHoldOneIdea() throws {
        for file in try Repository.files(in: "Sources") {
            let most = Self.longer.contains(file.path) ? 500 : 400
            #expect(file.lines.count <= most, "\(file) has \(file.lines.count) lines")
        }
    }

    @Test func nothingIsLeftForLater() throws {
        let words = try Regex(#"\b(TO"# + "DO|FIX" + #"ME|XX"# + #"X)\b"#)
        for file in try Repository.files(in: "Sources") + Repository.files(in: "Tests") {
            for (index, line) in file.lines.enumerated() {
                #expect(line.firstMatch(of: words) == nil, "\(file):\(index + 1): \(line)")
            }
        }
    }

    /// The rules above must be able to fail.
    @Test(arguments: [
        ("let a = Instant.now // here", 1), ("// let a = Instant.now", 0), ("\"srt://host\" + .now", 1),
    ]) func commentsAreNoCode(line: String, hits: Int) throws {
        let file = Repository.File(path: "Sources/Vd/x.swift", lines: [line, "package import Crypto"])
        #expect(file.code.count { $0.text.contains(".now") } == hits)
        #expect(file.imports == ["Crypto"] && file.room == "Vd")
    }
}
