/// Which names of messages a unit speaks: those of the Recommendation, or those of the device SDK that units
/// in the field were built on, which differ for some methods. The envelope is the same.
package enum Dialect: Sendable {
    case recommendation
    /// Units that log in at ``UnitLoginURL/deployedPath``.
    case deployed

    private static let differing = VdCatalogue.messages.filter { $0.deployedName != $0.name }
    private static let deployedNames = Dictionary(
        uniqueKeysWithValues: differing.map { ($0.name, $0.deployedName) }
    )
    private static let names = Dictionary(uniqueKeysWithValues: differing.map { ($0.deployedName, $0.name) })

    /// The name under which `name` of the Recommendation travels.
    package func wireName(of name: String) -> String {
        switch self {
        case .recommendation: name
        case .deployed: Self.deployedNames[name] ?? name
        }
    }

    /// The Recommendation's name for what arrived as `wireName`. A unit may use either.
    package func name(ofWire wireName: String) -> String {
        switch self {
        case .recommendation: wireName
        case .deployed: Self.names[wireName] ?? wireName
        }
    }
}
