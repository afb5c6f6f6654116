import ServerKit
import ServiceControl

/// The ports that a configuration asks for.
extension Platform {
    static func listenerNames(_ configuration: Configuration) -> Set<String> {
        var names: Set = ["https", "srt"]
        if configuration.httpPort != 0 { names.insert("http") }
        if configuration.vd.port != 0 { names.insert("vd") }
        if configuration.vd.plainPort != 0 { names.insert("vd.plain") }
        if configuration.hibernation.port != 0 { names.insert("hibernation") }
        if configuration.metrics.port != 0 { names.insert("metrics") }
        return names
    }

    static func httpPorts(
        _ configuration: Configuration,
        _ identity: ServerIdentity
    ) -> [(String, Int, ServerIdentity?)] {
        let ports: [(String, Int, ServerIdentity?)] = [
            ("https", configuration.https.port, identity), ("http", configuration.httpPort, nil),
        ]
        return ports.filter { $0.1 != 0 }
    }

    static func vdPorts(_ configuration: Configuration, _ identity: ServerIdentity) -> [VdPort] {
        [("vd", configuration.vd.port, identity), ("vd.plain", configuration.vd.plainPort, nil)]
            .filter { $0.1 != 0 }
            .map { name, port, identity in
                VdPort(
                    name: name,
                    host: configuration.https.host,
                    port: port,
                    identity: identity,
                    headerTimeout: configuration.limits.headerTimeout
                )
            }
    }
}
