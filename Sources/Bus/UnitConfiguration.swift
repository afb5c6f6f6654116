package import HSSModel
package import Vd

/// A unit's configuration: what it has, what is wanted, and what of it the unit did not take.
package struct UnitConfiguration: Sendable, Equatable {
    /// As the unit last said; nil: it never did.
    package var reported: ConfigurationDocument?
    package var desired: ConfigurationDocument
    /// What is wanted and not there.
    package var difference: ConfigurationDocument?
    package var refused: [ConfigurationPath: ConfigurationShadow.Refusal]
    /// Nothing more is going to happen until the unit connects again or something else is wanted.
    package var isSettled: Bool

    package init(
        reported: ConfigurationDocument?,
        desired: ConfigurationDocument,
        difference: ConfigurationDocument?,
        refused: [ConfigurationPath: ConfigurationShadow.Refusal],
        isSettled: Bool
    ) {
        self.reported = reported
        self.desired = desired
        self.difference = difference
        self.refused = refused
        self.isSettled = isSettled
    }
}

package enum ConfigurationError: Error, Equatable, CustomStringConvertible {
    case unit(UnitCallError)
    /// A field that breaks a rule before any unit is asked.
    case invalid(FieldError)
    case unavailable(String)

    package var description: String {
        switch self {
        case .unit(let error): error.description
        case .invalid(let error): error.description
        case .unavailable(let reason): "the configuration cannot be kept: \(reason)"
        }
    }
}

/// Reference point Cs, configuration (Tables I.2-19 to I.2-21). Whoever calls has checked the right to do so.
package protocol UnitConfigurationPoint: Sendable {
    /// Asks a unit that is connected; another is answered for with what is known.
    func configuration(of unit: UnitID) async throws(ConfigurationError) -> UnitConfiguration

    /// Wants these fields as well, and those of `dropped` no longer. Returns when that is durable and the unit has
    /// taken them, or after a few seconds; a unit that is away gets them when it is back.
    func changeConfiguration(
        of unit: UnitID,
        _ change: ConfigurationDocument,
        dropping dropped: [ConfigurationPath]
    ) async throws(ConfigurationError) -> UnitConfiguration

    /// `ResetConfig`, then `RebootDevice`. Nothing is wanted of the unit any more.
    func resetConfiguration(of unit: UnitID) async throws(ConfigurationError)
}
