// SRTTransport
