import Synchronization

/// Bytes that went by, counted from any thread.
final class ByteCount: Sendable {
    private let total = Atomic(0)

    func add(_ count: Int) {
        total.wrappingAdd(count, ordering: .relaxed)
    }

    var value: Int { total.load(ordering: .relaxed) }
}
