/// Why a benchmark could not be taken. A figure that misses its target is no error.
enum BenchmarkError: Error, CustomStringConvertible {
    case tool(String, String)
    case platform(String)
    case measurement(String)

    var description: String {
        switch self {
        case .tool(let name, let reason): "\(name): \(reason)"
        case .platform(let reason): "the platform under test: \(reason)"
        case .measurement(let reason): "no figure: \(reason)"
        }
    }
}
