import ArgumentParser
import CustomerUnit

extension CustomerCommand {
    struct Group: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Arrange the cameras that you may see.",
            subcommands: [
                List.self, Add.self, Rename.self, Remove.self, AddDevice.self, RemoveDevice.self,
            ]
        )
    }
}

extension CustomerCommand.Group {
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List your groups.")

        @OptionGroup var session: SessionOptions

        func run() async throws {
            let groups: [GroupAnswer] = try await session.withClient { try await $0.all("/groups") }
            guard !session.json else { return try Terminal.printJSON(groups) }
            guard !groups.isEmpty else { return print("You have no groups.") }
            Terminal.printTable(
                ["GROUP", "NAME", "CAMERAS"],
                groups.map { [$0.groupId, $0.name, $0.devices.joined(separator: " ")] }
            )
        }
    }

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Make a group.")

        @Argument(help: "What it is called.") var name: String
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let group: GroupAnswer = try await session.withClient {
                try await $0.call(.post, "/groups", ["name": name])
            }
            try group.show(json: session.json)
        }
    }

    struct Rename: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Call a group something else.")

        @Argument(help: "Name of the group, as the list has it.") var group: String
        @Argument(help: "What it is called from now on.") var name: String
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let answer: GroupAnswer = try await session.withClient {
                try await $0.call(.patch, "/groups/\(group)", ["name": name])
            }
            try answer.show(json: session.json)
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Remove a group; its cameras stay.")

        @Argument(help: "Name of the group, as the list has it.") var group: String
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let _: PlatformClient.Nothing = try await session.withClient {
                try await $0.call(.delete, "/groups/\(group)")
            }
            if !session.json { print("\(group) is no more.") }
        }
    }

    struct AddDevice: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "add-device",
            abstract: "Put a camera into a group, behind the others."
        )

        @Argument(help: "Name of the group, as the list has it.") var group: String
        @Argument(help: "Device ID.") var device: String
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let answer: GroupAnswer = try await session.withClient {
                try await $0.call(.put, "/groups/\(group)/devices/\(device)")
            }
            try answer.show(json: session.json)
        }
    }

    struct RemoveDevice: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "remove-device",
            abstract: "Take a camera out of a group."
        )

        @Argument(help: "Name of the group, as the list has it.") var group: String
        @Argument(help: "Device ID.") var device: String
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let _: PlatformClient.Nothing = try await session.withClient {
                try await $0.call(.delete, "/groups/\(group)/devices/\(device)")
            }
            if !session.json { print("\(device) is not in \(group) any more.") }
        }
    }
}

extension GroupAnswer {
    fileprivate func show(json: Bool) throws {
        guard !json else { return try Terminal.printJSON(self) }
        print("\(groupId)  \(name)  \(devices.joined(separator: " "))")
    }
}
