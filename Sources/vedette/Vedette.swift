import ArgumentParser

@main
struct Vedette: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "vedette")
}
