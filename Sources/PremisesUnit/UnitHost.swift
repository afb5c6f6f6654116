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

    /// `trust` with what a unit shows of itself: PEM files, the unit's certificate first and then those between it and
    /// the authority, and its key.
    static func identify(
        _ trust: TLSConfiguration,
        by certificate: UnitCertificateFiles?
    ) throws(UnitSetupError) -> TLSConfiguration {
        guard let certificate else { return trust }
        var identity = trust
        do {
            let chain = try NIOSSLCertificate.fromPEMFile(certificate.chain)
            guard !chain.isEmpty else {
                throw UnitSetupError.file(certificate.chain, "no certificate in it")
            }
            identity.certificateChain = chain.map { .certificate($0) }
        } catch let error as UnitSetupError {
            throw error
        } catch {
            throw .file(certificate.chain, "not a readable PEM file of certificates")
        }
        do {
            identity.privateKey = .privateKey(try NIOSSLPrivateKey(file: certificate.key, format: .pem))
        } catch {
            throw .file(certificate.key, "not a readable PEM file of a private key without a passphrase")
        }
        do { _ = try NIOSSLContext(configuration: identity) } catch {
            throw .file(certificate.key, "not the key of the first certificate in \(certificate.chain)")
        }
        return identity
    }

    /// Runs what `start` makes until the task is cancelled.
    static func run(
        platform: String,
        trust: TLSConfiguration,
        identity: TLSConfiguration,
        video: PushVideo,
        threads: Int,
        keepsFiles: Bool,
        start: (UnitServices, MultiThreadedEventLoopGroup) -> [NIOLoopBoundBox<UnitRunner>]
    ) async throws(UnitSetupError) {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: threads)
        let services: UnitServices
        let publisher = PushThread(video: video)
        let recorder: RecordThread?
        let feeds: any RecordFeeds
        switch video {
        case .live(let source): (recorder, feeds) = (nil, source)
        case .looped(let video):
            let thread = RecordThread(video: video)
            (recorder, feeds) = (thread, thread)
        }
        do throws(UnitSetupError) {
            services = UnitServices(
                scheduling: try SchedulingClient(platform: platform, trust: trust, group: group),
                // Shown where the unit logs in, and nowhere else.
                trust: try context(identity),
                publisher: publisher,
                transfers: TransferClient(trust: trust, group: group, keepsFiles: keepsFiles),
                feeds: feeds,
                records: RecordClient(trust: trust, group: group)
            )
        } catch {
            await publisher.shutdown()
            await recorder?.shutdown()
            try? await group.shutdownGracefully()
            throw error
        }
        let runners = start(services, group)
        await untilCancelled()
        for runner in runners {
            runner.eventLoop.execute { runner.value.receive(.stop) }
        }
        await publisher.shutdown()
        await recorder?.shutdown()
        // Loops end after what was handed to them, the goodbyes among it.
        await services.scheduling.shutdown()
        await services.transfers.shutdown()
        await services.records.shutdown()
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

/// PEM files of a unit's certificate and its key.
package struct UnitCertificateFiles: Sendable, Equatable {
    package var chain: String
    package var key: String

    package init(chain: String, key: String) {
        self.chain = chain
        self.key = key
    }
}
