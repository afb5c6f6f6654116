internal import CLibSRT

/// Which of many sockets want attention. Any thread may add and remove; one collects.
package final class SRTPoll: Sendable {
    package struct Interest: OptionSet, Sendable {
        package let rawValue: Int32

        package init(rawValue: Int32) {
            self.rawValue = rawValue
        }

        /// A message or, on a listener, a connection waits.
        package static let readable = Interest(rawValue: Int32(SRT_EPOLL_IN.rawValue))
        /// The send buffer has room, or a connection that was being made stands.
        package static let writable = Interest(rawValue: Int32(SRT_EPOLL_OUT.rawValue))
        /// The connection is gone or was refused.
        package static let failed = Interest(rawValue: Int32(SRT_EPOLL_ERR.rawValue))
    }

    private let id: Int32
    private let capacity: Int

    /// `capacity`: sockets reported at once; the rest come with the next call.
    package init(capacity: Int = 1024) throws(SRTError) {
        try SRTLibrary.start()
        self.capacity = max(1, capacity)
        id = srt_epoll_create()
        guard id >= 0 else { throw SRTError(operation: "create a poll") }
        // An empty set is no error: a caller may wait before the first socket is there.
        srt_epoll_set(id, Int32(SRT_EPOLL_ENABLE_EMPTY.rawValue))
    }

    deinit { srt_epoll_release(id) }

    package func add(_ socket: SRTSocket, _ interest: Interest) throws(SRTError) {
        var flags = interest.rawValue
        guard srt_epoll_add_usock(id, socket.id, &flags) >= 0 else { throw SRTError(operation: "poll") }
    }

    /// Changes what is asked of a socket that is in the set.
    package func update(_ socket: SRTSocket, _ interest: Interest) throws(SRTError) {
        var flags = interest.rawValue
        guard srt_epoll_update_usock(id, socket.id, &flags) >= 0 else { throw SRTError(operation: "poll") }
    }

    package func remove(_ socket: SRTSocket) {
        srt_epoll_remove_usock(id, socket.id)
    }

    /// Hands each ready socket to `body`; waits up to `timeoutMilliseconds` for the first one.
    ///
    /// With 0 and a pause between the calls many packets are collected at once, which costs a third of a wake-up each.
    package func collect(
        timeoutMilliseconds: Int64,
        _ body: (SRTSocket, Interest) -> Void
    ) {
        withUnsafeTemporaryAllocation(of: SRT_EPOLL_EVENT.self, capacity: capacity) { events in
            let count = srt_epoll_uwait(id, events.baseAddress, Int32(capacity), timeoutMilliseconds)
            guard count > 0 else { return }
            for event in events[..<min(Int(count), capacity)] {
                body(SRTSocket(id: event.fd), Interest(rawValue: event.events))
            }
        }
    }
}
