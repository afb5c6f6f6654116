import Glibc

/// `vedette-codec`: what touches coded pictures, kept apart from the platform. Whoever sends pictures may be hostile, and
/// decoders have had holes: here they run where there is nothing to be had.
///
/// It has no parser of arguments and no Foundation: less code in a process that is to be broken into.
@main
struct Programme {
    static let usage = """
        usage: vedette-codec pictures [--memory BYTES]
                 makes JPEGs of key frames: requests on standard input, answers on standard output
               vedette-codec confine [--memory BYTES] [--cpu-seconds N] [--nice N] -- COMMAND [ARGUMENT ...]
                 runs a command without network, without other programmes, without writing files
        """

    static func main() {
        let arguments = Array(CommandLine.arguments.dropFirst())
        switch arguments.first {
        case "pictures": pictures(arguments.dropFirst())
        case "confine": confine(arguments.dropFirst())
        case "--help", "-h":
            print(usage)
        default: fail(usage, status: 64)
        }
    }

    private static func pictures(_ arguments: ArraySlice<String>) {
        var options = Options(arguments)
        var limits = PictureWorker.Limits()
        var probe: Probe?
        while let option = options.next() {
            switch option {
            case "--memory": limits.memory = options.number(1 << 27...1 << 40)
            case "--probe":
                probe = options.text().flatMap(Probe.init(rawValue:))
                if probe == nil { misuse(option) }
            default: misuse(option)
            }
        }
        do {
            try PictureWorker.confine(limits)
        } catch {
            fail("vedette-codec: \(error)", status: 71)
        }
        if let probe { probe.run() }
        exit(PictureWorker.serve())
    }

    private static func confine(_ arguments: ArraySlice<String>) {
        var options = Options(arguments)
        var confinement = Confinement()
        while let option = options.next() {
            switch option {
            case "--memory": confinement.memory = options.number(1 << 20...1 << 40)
            case "--cpu-seconds": confinement.processorSeconds = options.number(1...1 << 31)
            case "--nice": confinement.niceness = Int32(options.number(0...19))
            case "--":
                do {
                    try confinement.execute(options.rest)
                } catch {
                    fail("vedette-codec: \(error)", status: error.status)
                }
            default: misuse(option)
            }
        }
        fail(usage, status: 64)
    }

    /// What is read from the command line, one after the other.
    struct Options {
        private(set) var rest: ArraySlice<String>

        init(_ arguments: ArraySlice<String>) { rest = arguments }

        mutating func next() -> String? { rest.popFirst() }
        mutating func text() -> String? { rest.popFirst() }
        mutating func number(_ range: ClosedRange<UInt64>) -> UInt64 {
            let text = rest.popFirst() ?? ""
            guard let number = UInt64(text), range.contains(number) else { Programme.misuse(text) }
            return number
        }
    }

    static func misuse(_ word: String) -> Never {
        fail("vedette-codec: '\(word)' is wrong here\n\(usage)", status: 64)
    }

    static func fail(_ text: String, status: Int32) -> Never {
        let line = Array((text + "\n").utf8)
        _ = write(STDERR_FILENO, line, line.count)
        exit(status)
    }
}
