import NIOCore
import NIOPosix
import NIOSSL

/// Threads and services that the units of a process live on, from their start to their goodbye.
enum UnitHost {
    /// PEM file with the authorities to trust; nil: those of the host.
    static func trust(authorityFile: String?) throws(UnitSetupError) -> TLSConfiguration {
        var trust = TLSConfiguration.makeClientConfiguration()
        guard let path = authorityFile else { return trust }
        do {
            let authorities = try NIOSSLCertificate.fromPEMFile(path)
            guard !authorities.isEmpty else { throw UnitSetupError.file(path, "no certificate in it") }
            trust.trustRoots = .certificates(authorities)
        } catch let error as UnitSetupError {
            throw error
        } catch {
            throw .file(path, "not a readable PEM file of certificates")
        }
        return trust
    }

    /// Runs what `start` makes until the task is cancelled.
    static func run(
        platform: String,
        trust: TLSConfiguration,
        video: PushVideo,
        threads: Int,
        keepsFiles: Bool,
        start: (UnitServices, MultiThreadedEventLoopGroup) -> [NIOLoopBoundBox<UnitRunner>]
    ) async throws(UnitSetupError) {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: threads)
        let services: UnitServices
        let publisher = PushThread(video: video)
        do throws(UnitSetupError) {
            services = UnitServices(
                scheduling: try SchedulingClient(platform: platform, trust: trust, group: group),
                trust: try context(trust),
                publisher: publisher,
                transfers: TransferClient(trust: trust, group: group, keepsFiles: keepsFiles)
            )
        } catch {
            await publisher.shutdown()
            try? await group.shutdownGracefully()
            throw error
        }
        let runners = start(services, group)
        await untilCancelled()
        for runner in runners {
            runner.eventLoop.execute { runner.value.receive(.stop) }
        }
        await publisher.shutdown()
        // Loops end after what was handed to them, the goodbyes among it.
        await services.scheduling.shutdown()
        await services.transfers.shutdown()
        try? await group.shutdownGracefully()
    }

    private static func context(_ trust: TLSConfiguration) throws(UnitSetupError) -> NIOSSLContext {
        do { return try NIOSSLContext(configuration: trust) } catch {
            throw .option("ca", "TLS cannot be set up: \(String("\(error)".prefix(200)))")
        }
    }

    private static func untilCancelled() async {
        let (stream, end) = AsyncStream<Never>.makeStream()
        await withTaskCancellationHandler {
            for await _ in stream {}
        } onCancel: {
            end.finish()
        }
    }
}
