package import Vd

/// The configuration of a device, and what may be done to it (Tables I.2-19 to I.2-21): its factory settings name
/// every field that the device has; what they do not name it cannot do.
package struct UnitConfiguration: Sendable, Equatable {
    package let factory: ConfigurationDocument
    package private(set) var document: ConfigurationDocument

    /// `kept`: what was set before the last start. Fields that the factory settings do not name are left out.
    package init(factory: ConfigurationDocument, kept: ConfigurationDocument? = nil) {
        self.factory = factory
        document = factory
        if let kept, (try? check(kept.writable(of: factory))) != nil {
            document = factory.merging(kept.writable(of: factory))
        }
    }

    /// Takes all of the change or none of it: 102 for a channel that is not there, 13 for a field that the device
    /// has not or that cannot be set, by name.
    package func check(_ change: ConfigurationDocument) throws(RPCFailure) {
        for field in change.fields {
            if let channel = field.path.channel, !factory.channels.contains(channel) {
                throw .noSuchChannel(channel)
            }
            guard factory[field.path] != nil, ConfigurationField.at(field.path)?.isWritable == true else {
                throw .unsupportedConfiguration(field.path.description)
            }
        }
    }

    package mutating func apply(_ change: ConfigurationDocument) throws(RPCFailure) {
        try check(change)
        document = document.merging(change)
    }

    package mutating func reset() {
        document = factory
    }

    package func isOn(_ channel: Int) -> Bool { document.flag("on", channel: channel) ?? true }
}

extension ConfigurationDocument {
    /// What of it the device can take over.
    fileprivate func writable(of factory: ConfigurationDocument) -> ConfigurationDocument {
        var document = ConfigurationDocument()
        for field in fields where factory[field.path] != nil {
            guard ConfigurationField.at(field.path)?.isWritable == true else { continue }
            try? document.set(field.value, at: field.path)
        }
        return document
    }
}
