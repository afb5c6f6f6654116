// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

func room(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: ["TestSupport"] + dependencies, swiftSettings: settings)
}

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let asyncHTTPClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let asn1 = Target.Dependency.product(name: "SwiftASN1", package: "swift-asn1")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let cryptoExtras = Target.Dependency.product(name: "CryptoExtras", package: "swift-crypto")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore = Target.Dependency.product(name: "HummingbirdCore", package: "hummingbird")
let hummingbirdHTTP2 = Target.Dependency.product(name: "HummingbirdHTTP2", package: "hummingbird")
let hummingbirdTesting = Target.Dependency.product(name: "HummingbirdTesting", package: "hummingbird")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioFoundation = Target.Dependency.product(name: "NIOFoundationCompat", package: "swift-nio")
let nioHTTPTypes = Target.Dependency.product(name: "NIOHTTPTypes", package: "swift-nio-extras")
let nioHTTPTypesHTTP1 = Target.Dependency.product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let nioTLS = Target.Dependency.product(name: "NIOTLS", package: "swift-nio")
let nioWebSocket = Target.Dependency.product(name: "NIOWebSocket", package: "swift-nio")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let x509 = Target.Dependency.product(name: "X509", package: "swift-certificates")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")

let package = Package(
    name: "vedette",
    products: [
        .executable(name: "vedette", targets: ["vedette"]),
        .executable(name: "vedette-codec", targets: ["vedette-codec"]),
        .library(name: "PremisesUnit", targets: ["PremisesUnit"]),
        .library(name: "CustomerUnit", targets: ["CustomerUnit"]),
    ],
    dependencies: [
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", exact: "2.37.6"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.4"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        // Values every part speaks of.
        room("HSSModel"),

        // Protocols and formats: values without I/O, clocks or chance of their own.
        room("Vs", ["HSSModel"]),
        room("Vd", ["HSSModel", crypto]),
        room("Vm", ["HSSModel", crypto]),
        room("Vr", ["HSSModel", crypto]),
        room("MediaFormats"),
        room("CodecProtocol"),

        // The only reader of the host's clocks.
        room("HostClock", ["HSSModel"]),

        // What the platform stands on.
        room("Bus", ["HSSModel", "Vd", "Vr"]),
        .target(
            name: "Store",
            dependencies: ["HSSModel", crypto, grdb],
            // Schema is a link to Schemas/sql: the binary carries the very text that is read there.
            resources: [.embedInCode("Schema/sqlite")],
            swiftSettings: settings
        ),
        room("Blobs", ["HSSModel", crypto, nioCore, nioPosix]),
        room("Backups", ["HSSModel", "Store", crypto]),
        .systemLibrary(name: "CLibSRT", pkgConfig: "srt", providers: [.apt(["libsrt-openssl-dev"])]),
        room("SRTTransport", ["CLibSRT", "HSSModel", "Vm"]),
        room(
            "ServerKit",
            [
                "HSSModel", "HostClock", asn1, crypto, httpTypes, hummingbird, hummingbirdCore,
                hummingbirdHTTP2, lifecycle, logging, nioCore, nioHTTP1, nioHTTPTypes, nioHTTPTypesHTTP1,
                nioPosix, nioSSL, nioTLS, nioWebSocket, unixSignals, x509, yams,
            ]
        ),

        // Programs that run beside the platform.
        .target(name: "CSpawn"),
        room("ChildProcesses", ["CSpawn", nioCore, nioPosix]),

        // Functional entities of H.627.2 clause 8.1. They never import each other.
        room(
            "CentreManagement",
            [
                "HSSModel", "Vs", "Vd", "HostClock", "Bus", "Store", "Blobs", "ServerKit", crypto,
                cryptoExtras,
                httpTypes, hummingbird, lifecycle, logging, nioCore,
            ]
        ),
        room(
            "ServiceControl",
            [
                "HSSModel", "Vd", "Vm", "Vr", "HostClock", "Bus", "Store", "Blobs", "ServerKit",
                asyncHTTPClient,
                crypto,
                httpTypes,
                hummingbird, lifecycle, logging, nioCore, nioHTTP1, nioPosix, nioSSL, nioWebSocket,
            ]
        ),
        room(
            "MediaDistribution",
            [
                "HSSModel", "HostClock", "Vm", "MediaFormats", "CodecProtocol", "Bus", "ServerKit",
                "SRTTransport", "ChildProcesses", crypto, hummingbird, lifecycle, logging, nioCore,
                nioWebSocket,
            ]
        ),
        room(
            "CloudStorage",
            [
                "HSSModel", "HostClock", "Vr", "MediaFormats", "Bus", "Store", "Blobs", "ServerKit", crypto,
                httpTypes, hummingbird, lifecycle, logging, nioCore, nioPosix,
            ]
        ),
        room(
            "CustomerAccess",
            [
                "HSSModel", "HostClock", "Vd", "Vr", "Bus", "ServerKit", httpTypes, hummingbird, lifecycle,
                logging,
                nioCore,
            ]
        ),

        // The other ends of the wire.
        room(
            "PremisesUnit",
            [
                "HSSModel", "HostClock", "Vs", "Vd", "Vm", "Vr", "MediaFormats", "SRTTransport",
                asyncHTTPClient,
                nioCore, nioHTTP1, nioPosix, nioSSL, nioWebSocket,
            ]
        ),
        room(
            "CustomerUnit",
            [
                "HSSModel", "HostClock", "Vm", "SRTTransport", asyncHTTPClient, nioCore, nioFoundation,
                nioHTTP1, nioPosix, nioSSL, nioWebSocket,
            ]
        ),

        // A platform that looks at somebody else's device.
        room(
            "DeviceCheck",
            [
                "HSSModel", "HostClock", "Vs", "Vd", "Vm", "MediaFormats", "SRTTransport", nioCore, nioHTTP1,
                nioPosix, nioSSL, nioWebSocket,
            ]
        ),

        .executableTarget(
            name: "vedette",
            dependencies: [
                "HSSModel", "HostClock", "Vs", "Vd", "Vm", "Vr", "Bus", "Store", "Blobs", "Backups",
                "ServerKit",
                "CentreManagement", "ServiceControl", "MediaDistribution", "CloudStorage", "CustomerAccess",
                "PremisesUnit", "CustomerUnit", "DeviceCheck",
                argumentParser, crypto, hummingbird, lifecycle, logging, unixSignals,
            ],
            swiftSettings: settings
        ),

        // Decoders, behind walls: a programme of its own.
        .systemLibrary(
            name: "CLibAV",
            pkgConfig: "libavcodec",
            providers: [.apt(["libavcodec-dev", "libswscale-dev"])]
        ),
        .systemLibrary(name: "CLibSeccomp", pkgConfig: "libseccomp", providers: [.apt(["libseccomp-dev"])]),
        .executableTarget(
            name: "vedette-codec",
            dependencies: ["CodecProtocol", "CLibAV", "CLibSeccomp"],
            path: "Sources/CodecWorker",
            swiftSettings: settings
        ),

        // `make bench`: figures beside their targets and peers.
        .executableTarget(
            name: "vedette-bench",
            dependencies: [
                "HSSModel", "HostClock", "Vm", "Vr", "MediaFormats", "Bus", "Store", "ServerKit",
                "SRTTransport",
                "MediaDistribution", "PremisesUnit", "CustomerUnit", "Measurement", "TestSupport",
                argumentParser,
                asyncHTTPClient, hummingbird, lifecycle, logging, nioCore, nioHTTP1, nioPosix, nioSSL,
                nioWebSocket, unixSignals,
            ],
            path: "Tests/Benchmarks",
            exclude: ["stream-ids.h"],
            swiftSettings: settings
        ),

        // What the benchmarks look at streams with: values without a line of the platform.
        .target(name: "Measurement", path: "Tests/Measurement", swiftSettings: settings),
        tests("MeasurementTests", ["Measurement", "MediaFormats"]),

        .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: settings),
        tests("HSSModelTests", ["HSSModel"]),
        tests("VsTests", ["Vs", "HSSModel"]),
        tests("VdTests", ["Vd", "HSSModel"]),
        tests("VmTests", ["Vm", "HSSModel", crypto]),
        tests("VrTests", ["Vr", "HSSModel"]),
        tests("MediaFormatsTests", ["MediaFormats"]),
        tests("CodecProtocolTests", ["CodecProtocol"]),
        tests("CodecWorkerTests", ["CodecProtocol", "vedette-codec"]),
        tests("StoreTests", ["Store", "HSSModel", grdb]),
        tests("BlobsTests", ["Blobs", "HSSModel", "HostClock", nioCore]),
        tests("BackupsTests", ["Backups", "Store", "HSSModel", grdb]),
        tests("ChildProcessesTests", ["ChildProcesses", nioCore]),
        tests(
            "ServerKitTests",
            [
                "ServerKit", "HSSModel", "HostClock", hummingbird, httpTypes, nioCore, nioPosix, nioWebSocket,
                logging, lifecycle,
            ]
        ),
        tests(
            "CentreManagementTests",
            [
                "CentreManagement", "HSSModel", "HostClock", "Vs", "Vd", "Bus", "Store", "Blobs", "ServerKit",
                httpTypes, hummingbird, hummingbirdTesting, lifecycle, logging, nioCore,
            ]
        ),
        tests(
            "ServiceControlTests",
            [
                "ServiceControl", "CustomerAccess", "HSSModel", "HostClock", "Vd", "Vm", "Vr", "Bus", "Store",
                "Blobs", "ServerKit", asyncHTTPClient, httpTypes, hummingbird, hummingbirdTesting, lifecycle,
                logging,
                nioCore, nioHTTP1, nioPosix, nioSSL, nioWebSocket,
            ]
        ),
        tests(
            "CloudStorageTests",
            [
                "CloudStorage", "HSSModel", "HostClock", "Vr", "MediaFormats", "Bus", "Store", "Blobs",
                "ServerKit", asyncHTTPClient, httpTypes, hummingbird, hummingbirdTesting, lifecycle, logging,
                nioCore, nioHTTP1, nioPosix,
            ]
        ),
        tests(
            "MediaDistributionTests",
            [
                "MediaDistribution", "ChildProcesses", "HSSModel", "HostClock", "Vm", "MediaFormats",
                "CodecProtocol", "Bus", "ServerKit", "SRTTransport", "vedette-codec", hummingbird, nioHTTP1,
                asyncHTTPClient, nioCore, nioPosix, nioWebSocket, logging,
                lifecycle,
            ]
        ),
        tests(
            "PremisesUnitTests",
            [
                "PremisesUnit", "HSSModel", "HostClock", "Vs", "Vd", "Vm", "Vr", "MediaFormats",
                "SRTTransport",
                nioCore,
                nioHTTP1, nioPosix, nioSSL, nioWebSocket,
            ]
        ),
        tests(
            "DeviceCheckTests",
            ["DeviceCheck", "PremisesUnit", "HSSModel", "HostClock", "Vs", "Vd"]
        ),
        tests("Tidy", []),
        tests(
            "SimulationTests",
            [
                "PremisesUnit", "ServiceControl", "HSSModel", "Vd", "Vm", "Vs", "Bus", "ServerKit", logging,
                nioCore, nioPosix,
            ]
        ),
        tests(
            "CustomerAccessTests",
            [
                "CustomerAccess", "HSSModel", "HostClock", "Vd", "Bus", "ServerKit", httpTypes, hummingbird,
                hummingbirdTesting, logging, nioCore,
            ]
        ),
        tests(
            "EndToEnd",
            [
                "CustomerUnit", "HSSModel", "HostClock", "ServerKit", "Store", "Vd", "Vr", "vedette",
                "vedette-codec",
                nioCore,
                nioHTTP1, nioPosix, nioSSL, nioWebSocket,
            ]
        ),
    ]
)
