import ArgumentParser
import CustomerUnit
import FoundationEssentials
import HSSModel

extension AdminCommand {
    struct Node: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "See the signalling nodes, and send the units of one elsewhere.",
            subcommands: [List.self, Drain.self, Undrain.self]
        )

        struct List: AsyncParsableCommand {
            static let configuration = CommandConfiguration(abstract: "List the nodes.")

            @OptionGroup var session: SessionOptions

            func run() async throws {
                let nodes: [NodeAnswer] = try await session.withClient { try await $0.all("/admin/nodes") }
                guard !session.json else { return try Terminal.printJSON(nodes) }
                Terminal.printTable(
                    ["NODE", "DOMAIN", "STATE", "UNITS", "ASLEEP", "CAPACITY"],
                    nodes.map {
                        [
                            $0.node, $0.domain, $0.state, "\($0.units)", "\($0.asleep)", "\($0.capacity)",
                        ]
                    }
                )
            }
        }

        struct Drain: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                abstract: "Send the units of a node elsewhere, and give it to no other.",
                discussion: """
                    Units are told to ask the scheduling service again, those that push a picture last; each goes on \
                    until it has its answer. The command waits for the last one; Ctrl-C ends the command, not the \
                    draining. Where no other node has room it is refused; --force sends the units round once, \
                    back to the same node.
                    """
            )

            @Argument(help: "Name of the node.") var node: String
            @Option(name: .long, help: "Units told per second, 1 to 10000.") var rate = 50
            @Flag(name: .long, help: "Also where there is no other node.") var force = false
            @Flag(name: .long, help: "Do not wait for the last unit.") var noWait = false
            @OptionGroup var session: SessionOptions

            private struct Order: Encodable {
                var rate: Int
                var force: Bool
            }

            func run() async throws {
                let order = try JSONEncoder().encode(Order(rate: rate, force: force))
                let answer: NodeAnswer = try await session.withClient { client in
                    var answer: NodeAnswer = try await client.call(
                        .post,
                        "/admin/nodes/\(node)/drain",
                        json: order
                    )
                    while !noWait, let drain = answer.drain,
                        drain.left > 0 || drain.told == 0 && answer.units > 0
                    {
                        if !session.json { Terminal.printError("\(node): \(drain.text)") }
                        try await Task.sleep(for: .seconds(1))
                        let nodes: [NodeAnswer] = try await client.all("/admin/nodes")
                        guard let now = nodes.first(where: { $0.node == node }) else {
                            throw Failure("there is no node \(node) any more")
                        }
                        guard now.drain != nil else { throw Failure("draining \(node) was ended") }
                        answer = now
                    }
                    return answer
                }
                guard !session.json else { return try Terminal.printJSON(answer) }
                print("\(node): \(answer.drain?.text ?? "draining")")
            }
        }

        struct Undrain: AsyncParsableCommand {
            static let configuration = CommandConfiguration(abstract: "Give a node units again.")

            @Argument(help: "Name of the node.") var node: String
            @OptionGroup var session: SessionOptions

            func run() async throws {
                let answer: NodeAnswer = try await session.withClient {
                    try await $0.call(.delete, "/admin/nodes/\(node)/drain")
                }
                try session.json ? Terminal.printJSON(answer) : print("Node \(node) takes units again.")
            }
        }
    }
}

/// One entry of `GET /admin/nodes`.
private struct NodeAnswer: Codable, Sendable {
    struct Drain: Codable, Sendable {
        var since: String
        var rate: Int
        var returning: Bool
        var told: Int
        var moved: Int
        var left: Int

        var text: String { "\(told) told, \(moved) moved, \(left) left, since \(since)" }
    }

    var node: String
    var domain: String
    var draining: Bool
    var units: Int
    var asleep: Int
    var capacity: Int
    var drain: Drain?

    var state: String {
        guard let drain else { return "open" }
        return drain.left == 0 ? "drained" : drain.returning ? "sending round" : "draining"
    }
}
