import Bus
import HSSModel

/// For tests of other things.
struct NoPictures: ChannelPictures {
    func picture(of channel: ChannelAddress, width: Int?) async throws(PictureError) -> Picture {
        throw .none
    }
}
