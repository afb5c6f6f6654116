import ArgumentParser
import CustomerUnit
import FoundationEssentials

extension AdminCommand {
    struct Firmware: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Keep firmware images and roll them out to cameras.",
            subcommands: [
                Add.self, List.self, Remove.self, RollOut.self, Status.self, Pause.self, Resume.self,
                Cancel.self,
            ]
        )

        struct Add: AsyncParsableCommand {
            static let configuration = CommandConfiguration(abstract: "Add a firmware image.")

            @Argument(help: "The image.") var file: String
            @Option(name: .long, help: "Hardware that it is for, as the cameras name it.")
            var hardware: String
            @Option(name: .customLong("firmware-version"), help: "What a camera that runs it calls it.")
            var version: String
            @Option(name: .long, help: "SHA-256 that the image must have, hexadecimal.") var sha256: String?
            @OptionGroup var session: SessionOptions

            func run() async throws {
                let progress = ProgressLine(isQuiet: session.json)
                let size = try FileUpload(path: file).size
                let upload = try FileUpload(path: file) { sent in
                    progress.show("\(size == 0 ? 100 : sent * 100 / size) % sent")
                }
                var query = "?hardware_model=\(hardware.queryEscaped)&version=\(version.queryEscaped)"
                if let sha256 { query += "&sha256=\(sha256.queryEscaped)" }
                let path = "/admin/firmware" + query
                defer { progress.end() }
                let answer: FirmwareAnswer = try await session.withClient {
                    try await $0.upload(upload, to: path)
                }
                progress.end()
                guard !session.json else { return try Terminal.printJSON(answer) }
                print("Firmware \(answer.firmwareId) added: \(answer.version) for \(answer.hardwareModel).")
                print("SHA-256 \(answer.sha256)")
            }
        }

        struct List: AsyncParsableCommand {
            static let configuration = CommandConfiguration(abstract: "List the firmware images.")

            @OptionGroup var session: SessionOptions

            func run() async throws {
                let images: [FirmwareAnswer] = try await session.withClient {
                    try await $0.all("/admin/firmware")
                }
                guard !session.json else { return try Terminal.printJSON(images) }
                Terminal.printTable(
                    ["FIRMWARE", "HARDWARE", "VERSION", "BYTES", "ADDED"],
                    images.map { [$0.firmwareId, $0.hardwareModel, $0.version, "\($0.size)", $0.addedAt] }
                )
            }
        }

        struct Remove: AsyncParsableCommand {
            static let configuration = CommandConfiguration(abstract: "Remove a firmware image.")

            @Argument(help: "Firmware ID.") var firmware: String
            @OptionGroup var session: SessionOptions

            func run() async throws {
                let path = "/admin/firmware/\(firmware.queryEscaped)"
                let _: PlatformClient.Nothing = try await session.withClient {
                    try await $0.call(.delete, path)
                }
                if !session.json { print("Firmware \(firmware) is removed.") }
            }
        }
    }
}

extension String {
    /// For one value of a query or one step of a path (RFC 3986, 2.3).
    var queryEscaped: String {
        let digits = Array("0123456789ABCDEF")
        return utf8.map { byte in
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
                UInt8(ascii: "_"), UInt8(ascii: "~"):
                String(UnicodeScalar(byte))
            default: "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
            }
        }.joined()
    }
}
