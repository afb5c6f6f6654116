import HSSModel
import Vd
import Vs

/// How a unit shows who it is when it opens Vd.
package enum UnitLoginForm: Sendable, Equatable {
    /// `login_passwd` (Table 9-3), always.
    case password
    /// The password until a platform takes signatures; from then on it is never sent again.
    case offered
    /// A signature, always: what a maker gives to a unit that has seen the offer before.
    case signed
    /// The certificate of its TLS connections (``UnitHost``); neither password nor signature are sent.
    case certificate

    /// As the command line writes it.
    package init(option: String) throws(UnitSetupError) {
        switch option {
        case "password": self = .password
        case "offered": self = .offered
        case "signed": self = .signed
        default: throw .option("login", "expected password, offered or signed, found \(option.prefix(64))")
        }
    }
}

/// Makes the login addresses of a unit, and remembers whether it signs them.
///
/// The decision is kept as long as the unit runs: an answer of Vs that no longer offers signatures may be somebody in
/// between who is after the password.
struct UnitLoginRule: Sendable {
    private let form: UnitLoginForm
    private(set) var signs: Bool
    /// What Vs said, and when: finer than the unit's own clock, which may differ by 10 s (§9.3.1.1 step 3).
    private var platformTime: (time: WallTime, at: Instant)?

    init(_ form: UnitLoginForm) {
        self.form = form
        signs = form == .signed
    }

    /// What there is to tell of it.
    mutating func adopt(_ answer: SchedulingAnswer, at now: Instant) -> UnitEvent? {
        platformTime = (answer.syncTime, now)
        switch (signs, answer.takesSignedLogin) {
        case (false, true) where form == .offered:
            signs = true
            return .signsLogins
        case (true, false): return .signatureNotOffered
        default: return nil
        }
    }

    func address(
        of profile: UnitProfile,
        at server: (host: String, port: Int, isSecure: Bool),
        reconnect: Bool,
        now: Instant,
        using random: inout some RandomNumberGenerator
    ) -> SignallingAddress {
        let credentials = profile.credentials
        var login = UnitLoginURL(
            deviceID: credentials.device.rawValue,
            proof: form == .certificate ? nil : .password(credentials.password),
            hardwareModel: profile.hardwareModel,
            firmwareModel: profile.firmwareModel,
            sdk: profile.sdk,
            reconnect: reconnect
        )
        if signs {
            let time = platformTime.map { $0.time + (now - $0.at) } ?? WallTime(milliseconds: 0)
            // A unit whose chance starts alike at each boot must not repeat its nonces: the time is mixed in.
            let nonce = LoginSignature.Nonce(
                high: random.next(),
                low: random.next() ^ UInt64(bitPattern: time.milliseconds)
            )
            login = login.signed(
                by: LoginKey(password: credentials.password),
                macIdentity: credentials.macIdentity,
                at: time,
                nonce: nonce
            )
        }
        return SignallingAddress(
            host: server.host,
            port: server.port,
            isSecure: server.isSecure,
            target: Secret(login.requestTarget)
        )
    }
}
