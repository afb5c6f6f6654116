/// What one listener grants to strangers.
package struct ListenerLimits: Sendable, Equatable {
    /// Open at once, in all.
    package var connections: Int
    /// Open at once from one IPv4 address or one IPv6 /64 network.
    package var connectionsPerAddress: Int
    /// From the first byte of a request (of the connection, for the first one) to the end of its header.
    /// The TLS handshake is within it.
    package var headerTimeout: Duration
    /// Without a request, or without progress of a request's body.
    package var idleTimeout: Duration
    /// All header fields of one request, in bytes.
    package var headerSize: Int
    /// From the begin of a shutdown until what is still open is cut.
    package var drainTimeout: Duration
    /// Between two pings on a WebSocket; a peer that sends nothing from one to the next is gone.
    package var webSocketPing: Duration
    /// A peer that takes fewer bytes a second of its answer, after ``idleTimeout``, is cut.
    package var slowestReader = 4096
    /// What a peer may still send of a body when it has its answer, in bytes; then it is cut.
    package var unreadBody = 1 << 20

    package init(
        connections: Int = 10_000,
        connectionsPerAddress: Int = 200,
        headerTimeout: Duration = .seconds(10),
        idleTimeout: Duration = .seconds(75),
        headerSize: Int = 16 << 10,
        drainTimeout: Duration = .seconds(5),
        webSocketPing: Duration = .seconds(20)
    ) {
        self.connections = connections
        self.connectionsPerAddress = connectionsPerAddress
        self.headerTimeout = headerTimeout
        self.idleTimeout = idleTimeout
        self.headerSize = headerSize
        self.drainTimeout = drainTimeout
        self.webSocketPing = webSocketPing
    }
}
