import ArgumentParser
import CustomerUnit
import FoundationEssentials

extension CustomerCommand {
    /// `vedette cu config`: the configuration of a device.
    struct Config: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "config",
            abstract: "Show and change the configuration of a device.",
            subcommands: [Show.self, Set.self, Reset.self]
        )
    }
}

extension CustomerCommand.Config {
    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show what a device has, what is wanted, and what it refused.",
            discussion: "A device that is away is answered for with what it last said."
        )

        @Argument(help: "Device ID.") var device: String
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let document = try await session.withClient {
                try await $0.document(.get, "/devices/\(device)/config")
            }
            try CustomerCommand.Config.show(document, of: device, json: session.json)
        }
    }

    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Want fields of the configuration to have values.",
            discussion: """
                FIELD=VALUE as 'show' prints them: led=true, tz=8, channels.0.image.horflip=true, \
                channels.0.osd.text=Door, channels.0.switch_schedule.repeat=Mon,Tue. FIELD= with nothing wants a field no longer; \
                the device keeps what it has there. A device that is away gets the values when it is back.
                """
        )

        @Argument(help: "Device ID.") var device: String
        @Argument(help: "FIELD=VALUE, several.") var fields: [FieldArgument]
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let body = try FieldArgument.json(fields)
            let document = try await session.withClient {
                try await $0.document(.patch, "/devices/\(device)/config", json: body)
            }
            try CustomerCommand.Config.show(document, of: device, json: session.json)
        }
    }

    struct Reset: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Bring a device back to its factory settings and reboot it.",
            discussion: "Its Wi-Fi settings go too: somebody has to set the device up again where it hangs."
        )

        @Argument(help: "Device ID.") var device: String
        @Flag(name: .long, help: "Yes, all settings are lost, Wi-Fi too.") var yes = false
        @OptionGroup var session: SessionOptions

        func validate() throws {
            guard yes else { throw ValidationError("All settings are lost, Wi-Fi too: say --yes.") }
        }

        func run() async throws {
            let _: PlatformClient.Nothing = try await session.withClient {
                try await $0.call(.delete, "/devices/\(device)/config")
            }
            if !session.json { print("\(device) is back at its factory settings and reboots.") }
        }
    }

    /// Fields that the device has, then what of the wishes is open.
    fileprivate static func show(_ document: UnitDocument, of device: String, json: Bool) throws {
        guard !json else { return Terminal.printLine(document.text) }
        let answer = try document.configuration()
        if answer.reported.isEmpty { print("\(device) has never told its configuration.") }
        Terminal.printPairs(answer.reported)
        for (field, value) in answer.difference {
            let refusal = answer.refused[field].map { "refused: \($0)" } ?? "not there yet"
            print("\(field) shall be \(value): \(refusal)")
        }
    }
}

/// `FIELD=VALUE` of the command line.
struct FieldArgument: ExpressibleByArgument {
    let names: [String]
    /// Nil: the field is wanted no longer.
    let value: String?

    init?(argument: String) {
        let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty else { return nil }
        names = parts[0].split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        value = parts[1].isEmpty ? nil : String(parts[1])
        guard !names.contains("") else { return nil }
    }

    /// One document of all.
    static func json(_ fields: [FieldArgument]) throws -> Data {
        var tree = FieldTree.object([:])
        for field in fields { tree.set(field.names[...], field.leaf) }
        return try JSONEncoder().encode(tree)
    }

    /// Fields that hold text, whatever it looks like, and lists; the others are told by their form.
    private var leaf: FieldTree {
        guard let value else { return .null }
        switch names.last {
        case "text": return .text(value)
        case "repeat": return .list(value.split(separator: ",").map(String.init))
        default: break
        }
        if let truth = Bool(value) { return .truth(truth) }
        if let number = Int(value) { return .number(number) }
        return .text(value)
    }
}

/// A JSON document in the making.
enum FieldTree: Encodable {
    case object([String: FieldTree]), text(String), number(Int), truth(Bool), list([String]), null

    mutating func set(_ names: ArraySlice<String>, _ leaf: FieldTree) {
        guard let name = names.first else {
            self = leaf
            return
        }
        var fields: [String: FieldTree] = [:]
        if case .object(let known) = self { fields = known }
        fields[name, default: .object([:])].set(names.dropFirst(), leaf)
        self = .object(fields)
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .object(let fields): try container.encode(fields)
        case .text(let text): try container.encode(text)
        case .number(let number): try container.encode(number)
        case .truth(let truth): try container.encode(truth)
        case .list(let texts): try container.encode(texts)
        case .null: try container.encodeNil()
        }
    }
}
