import ChildProcesses

/// What renditions may cost, and how the small one looks.
package struct RenditionSettings: Sendable {
    /// What all of them may use together, in cores of this machine; 0: there are none.
    package var cores = 1.0
    /// How many may be made at a time.
    package var processes = 16
    /// The small one fits into this, and is never larger than the original.
    package var smallWidth = 640
    package var smallHeight = 360
    /// Pictures per second at most.
    package var smallFrameRate = 10
    /// Bit/s of its pictures.
    package var smallBitrate = 400_000
    /// Where `ffmpeg` is; `nil`: it is not installed.
    package var ffmpeg = ChildCommand.find("ffmpeg")
    /// `vedette-codec`, whose `confine` takes from a program what it does not need; `nil`: limits alone must do.
    package var confiner: String?

    /// Pictures went in, and none came out for so long: its process hangs.
    package var patience: Duration = .seconds(10)

    package init() {}
}
