import ArgumentParser

@main
struct Vedette: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vedette",
        abstract: "The service platform of a home surveillance system (ITU-T H.627.2).",
        version: Build.version,
        subcommands: [
            ServeCommand.self, ConfigCommand.self, AdminCommand.self, CustomerCommand.self, UnitCommand.self,
            CompletionsCommand.self,
        ]
    )
}

enum Build {
    static let version = "0.1.0"
}
