import Bus
import CentreManagement
import CustomerAccess
import HSSModel
import Logging
import ServerKit
import ServiceControl
import Store

/// Firmware images of units and their roll-outs.
struct FirmwareRollOuts {
    let library: FirmwareLibrary
    let rollOuts: RollOutService

    init(
        _ configuration: Configuration,
        store: SQLiteStore,
        activities: Activities,
        registry: Registry,
        signalling: SignallingService,
        metrics: MetricRegistry,
        logger: Logger
    ) throws {
        library = FirmwareLibrary(
            settings: FirmwareLibrary.Settings(configuration),
            key: try FirmwareKey.load(configuration),
            store: store,
            blobs: activities.blobs,
            metrics: metrics,
            logger: logger
        )
        rollOuts = RollOutService(
            library: library,
            store: store,
            units: .init(
                control: signalling,
                documents: signalling,
                settle: { await registry.writeSightings() }
            ) { units in
                let presence = await signalling.presence(of: units)
                return Set(presence.filter(\.value.connected).keys)
            },
            events: activities.feed,
            metrics: metrics,
            logger: logger
        )
    }

    /// What operators and owners ask of it.
    var access: FirmwareAccess { FirmwareAccess(images: library, rollOuts: rollOuts) }
}
