import ArgumentParser
import CustomerUnit

extension CustomerCommand {
    struct Household: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Share cameras with the people you live with.",
            subcommands: [
                List.self, Show.self, Add.self, Rename.self, Remove.self, AddMember.self, RemoveMember.self,
                AddDevice.self, RemoveDevice.self,
            ]
        )
    }
}

extension CustomerCommand.Household {
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List your households.")

        @OptionGroup var session: SessionOptions

        func run() async throws {
            let all: [HouseholdAnswer] = try await session.withClient { try await $0.all("/households") }
            guard !session.json else { return try Terminal.printJSON(all) }
            guard !all.isEmpty else { return print("You belong to no household.") }
            Terminal.printTable(
                ["HOUSEHOLD", "NAME", "SINCE"],
                all.map { [$0.householdId, $0.name, $0.createdAt] }
            )
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show who and what belongs to a household.")

        @Argument(help: "Name of the household, as the list has it.") var household: String
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let answer: HouseholdAnswer = try await session.withClient {
                try await $0.call(.get, "/households/\(household)")
            }
            try answer.show(json: session.json)
        }
    }

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Make a household; you are its admin.")

        @Argument(help: "What it is called.") var name: String
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let answer: HouseholdAnswer = try await session.withClient {
                try await $0.call(.post, "/households", ["name": name])
            }
            try answer.show(json: session.json)
        }
    }

    struct Rename: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Call a household something else.")

        @Argument(help: "Name of the household, as the list has it.") var household: String
        @Argument(help: "What it is called from now on.") var name: String
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let answer: HouseholdAnswer = try await session.withClient {
                try await $0.call(.patch, "/households/\(household)", ["name": name])
            }
            try answer.show(json: session.json)
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "End a household; what its members had through it ends too."
        )

        @Argument(help: "Name of the household, as the list has it.") var household: String
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let _: PlatformClient.Nothing = try await session.withClient {
                try await $0.call(.delete, "/households/\(household)")
            }
            if !session.json { print("\(household) is no more.") }
        }
    }

    struct AddMember: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "add-member",
            abstract: "Take somebody in, or change what a member may."
        )

        @Argument(help: "Name of the household, as the list has it.") var household: String
        @Argument(help: "User name.") var user: String
        @Option(name: .long, help: "Rights on cameras of others, separated by commas.")
        var rights = "live,playback"
        @Flag(name: .long, help: "May say who else belongs to it.") var admin = false
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let body = MemberMessage(role: admin ? "admin" : "member", rights: Words.of(rights))
            let answer: HouseholdAnswer = try await session.withClient {
                try await $0.call(.put, "/households/\(household)/members/\(user)", sending: body)
            }
            try answer.show(json: session.json)
        }
    }

    struct RemoveMember: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "remove-member",
            abstract: "Let a member go; with your own name, leave. Its cameras leave too."
        )

        @Argument(help: "Name of the household, as the list has it.") var household: String
        @Argument(help: "User name.") var user: String
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let _: PlatformClient.Nothing = try await session.withClient {
                try await $0.call(.delete, "/households/\(household)/members/\(user)")
            }
            if !session.json { print("\(user) does not belong to \(household) any more.") }
        }
    }

    struct AddDevice: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "add-device",
            abstract: "Share a camera of yours with the members."
        )

        @Argument(help: "Name of the household, as the list has it.") var household: String
        @Argument(help: "Device ID.") var device: String
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let answer: HouseholdAnswer = try await session.withClient {
                try await $0.call(.put, "/households/\(household)/devices/\(device)")
            }
            try answer.show(json: session.json)
        }
    }

    struct RemoveDevice: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "remove-device",
            abstract: "Share a camera with the members no longer."
        )

        @Argument(help: "Name of the household, as the list has it.") var household: String
        @Argument(help: "Device ID.") var device: String
        @OptionGroup var session: SessionOptions

        func run() async throws {
            let _: PlatformClient.Nothing = try await session.withClient {
                try await $0.call(.delete, "/households/\(household)/devices/\(device)")
            }
            if !session.json { print("\(device) is not in \(household) any more.") }
        }
    }
}

extension HouseholdAnswer {
    fileprivate func show(json: Bool) throws {
        guard !json else { return try Terminal.printJSON(self) }
        print("\(householdId)  \(name)")
        let people = (members ?? []).map { [$0.user, $0.role, $0.rights.joined(separator: ",")] }
        Terminal.printTable(["MEMBER", "ROLE", "RIGHTS"], people)
        guard let devices, !devices.isEmpty else { return }
        Terminal.printTable(
            ["DEVICE", "OWNER", "SINCE"],
            devices.map { [$0.deviceId, $0.owner, $0.addedAt] }
        )
    }
}
