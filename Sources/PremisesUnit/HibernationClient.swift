import HSSModel
import HostClock
import NIOCore
import NIOPosix

/// Carries out what one ``HibernationMachine`` wants, on the event loop of its unit. Decides nothing.
final class HibernationClient {
    private static let connectTime = TimeAmount.seconds(10)

    private let order: HibernationOrder
    private let loop: any EventLoop
    private let rouse: () -> Void
    private var machine: HibernationMachine
    private var random: UnitRandom
    private var channel: (any Channel)?
    private var timer: Scheduled<Void>?
    private var isStopped = false

    /// On `loop`, as everything here. `rouse` is called once, when the unit is wanted.
    init(_ order: HibernationOrder, seed: UInt64, on loop: any EventLoop, rouse: @escaping () -> Void) {
        self.order = order
        self.loop = loop
        self.rouse = rouse
        machine = HibernationMachine(order)
        random = UnitRandom(seed: seed)
    }

    func start() { receive(.start) }

    func stop() {
        isStopped = true
        timer?.cancel()
        channel?.close(promise: nil)
        channel = nil
    }

    fileprivate func receive(_ input: HibernationMachine.Input) {
        guard !isStopped else { return }
        for action in machine.receive(input, at: .now, using: &random) {
            switch action {
            case .connect: connect()
            case .send(let bytes): send(bytes)
            case .close: channel?.close(promise: nil)
            case .rouse: rouse()
            case .wake(let instant): wake(at: instant)
            }
        }
    }

    private func connect() {
        let bound = NIOLoopBound(self, eventLoop: loop)
        ClientBootstrap(group: loop)
            .connectTimeout(Self.connectTime)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 64))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(HibernationEar(bound.value))
                }
            }
            .connect(host: order.host, port: order.port)
            .whenComplete { result in bound.value.connected(result) }
    }

    private func connected(_ result: Result<any Channel, any Error>) {
        switch result {
        case .success(let channel) where isStopped: channel.close(promise: nil)
        case .success(let channel):
            self.channel = channel
            let bound = NIOLoopBound(self, eventLoop: loop)
            channel.closeFuture.whenComplete { _ in bound.value.closed(channel) }
            receive(.connected)
        case .failure: receive(.closed)
        }
    }

    private func closed(_ channel: any Channel) {
        guard self.channel === channel else { return }
        self.channel = nil
        receive(.closed)
    }

    private func send(_ bytes: [UInt8]) {
        guard let channel else { return }
        channel.writeAndFlush(channel.allocator.buffer(bytes: bytes), promise: nil)
    }

    private func wake(at instant: Instant) {
        timer?.cancel()
        let bound = NIOLoopBound(self, eventLoop: loop)
        let delay = max(0, (instant - .now).wholeNanoseconds)
        timer = loop.scheduleTask(in: .nanoseconds(delay)) { bound.value.receive(.wake) }
    }
}

/// Hands on what arrives.
private final class HibernationEar: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let client: HibernationClient

    init(_ client: HibernationClient) {
        self.client = client
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        client.receive(.received(Array(unwrapInboundIn(data).readableBytesView)))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
