import ArgumentParser
import FoundationEssentials
import HSSModel
import Logging
import ServerKit

/// `vedette serve`: the platform.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run the platform.",
        discussion: """
            Prints a line for each listener, then 'ready'. SIGTERM drains and ends with 0; SIGHUP reads configuration \
            and certificates again. At the first start VEDETTE_ADMIN_PASSWORD sets the password of the operator \
            'admin'; without it one is made and printed once.
            """
    )

    @OptionGroup var options: ConfigurationOptions

    func run() async throws {
        let values = try options.values()
        let configuration = try options.checked()
        let level = LogBootstrap.start(level: configuration.log.level, format: configuration.log.format)
        let descriptors = ProcessMetrics.raiseDescriptorLimit()
        let logger = Logger(label: "vedette")
        for shortage in configuration.shortages(descriptors: descriptors) {
            logger.warning("limits do not fit together", metadata: ["reason": "\(shortage)"])
        }
        let password = ProcessInfo.processInfo.environment["VEDETTE_ADMIN_PASSWORD"]
        let sources = options.sources
        let reloader = Reloader(
            running: values,
            dataFolder: configuration.node.data,
            logger: logger,
            read: { try sources.read() }
        )
        let platform = try await Platform(
            configuration,
            adminPassword: password.flatMap { $0.isEmpty ? nil : Secret($0) },
            reloader: reloader,
            level: level
        )
        try await platform.run()
    }
}

/// Where the configuration comes from: file, environment and these flags.
struct ConfigurationOptions: ParsableArguments {
    @Option(name: .long, help: "Configuration file (YAML).") var config: String?
    @Option(name: .long, help: "Data folder (node.data).") var data: String?
    @Option(name: .long, help: "Roles of this node (roles).") var roles: String?
    @Option(name: .long, help: "Name in addresses handed out (node.domain).") var domain: String?
    @Option(name: .long, help: "trace, debug, info, notice, warning, error (log.level).") var logLevel:
        String?

    /// What may be read again, without the command that it came from.
    struct Sources: Sendable {
        var file: String?
        var flags: [String: String]

        func read() throws(Failure) -> ConfigurationValues {
            do {
                return try ConfigurationValues(
                    file: file,
                    environment: ProcessInfo.processInfo.environment,
                    flags: flags
                )
            } catch {
                throw Failure(error.description)
            }
        }
    }

    var sources: Sources {
        let flags = ["node.data": data, "roles": roles, "node.domain": domain, "log.level": logLevel]
        return Sources(file: config, flags: flags.compactMapValues { $0 })
    }

    func values() throws -> ConfigurationValues { try sources.read() }

    func checked() throws -> Configuration {
        let values = try values()
        do {
            return try Configuration(values)
        } catch {
            throw Failure(error.description)
        }
    }
}
