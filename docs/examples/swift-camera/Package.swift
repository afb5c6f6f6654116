// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "swift-camera",
    dependencies: [.package(name: "vedette", path: "../../..")],
    targets: [
        .executableTarget(name: "camera", dependencies: [.product(name: "PremisesUnit", package: "vedette")])
    ]
)
