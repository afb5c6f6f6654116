extension Configuration {
    /// Limits that stand in each other's way on this host, for the log of the start: each would be found out by the
    /// ten-thousandth camera that does not come back. `descriptors`: files that the process may open.
    package func shortages(descriptors: Int) -> [String] {
        var texts: [String] = []
        if limits.connections < limits.units {
            texts.append(
                "limits.connections is \(limits.connections): fewer than limits.units, \(limits.units)"
            )
        }
        // Vd and the HTTP ports have that many each.
        let wanted = 2 * limits.connections
        if descriptors < wanted {
            texts.append(
                "the process may open \(descriptors) files, and limits.connections can need \(wanted): "
                    + "raise LimitNOFILE or 'ulimit -n', or lower limits.connections"
            )
        }
        return texts
    }
}
