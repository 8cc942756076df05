/* One row per reason for which a packet is not carried: identifier, name in status and metrics,
 * sentence. */
WM_DROP_ROW(WM_DROP_NONE, "none", "carried")
WM_DROP_ROW(WM_DROP_SHORT, "short", "a datagram too short or of a length that its type cannot have")
WM_DROP_ROW(WM_DROP_TYPE, "type", "a datagram that is neither WireGuard nor anything asked for")
WM_DROP_ROW(WM_DROP_MAC1, "mac1",
	    "a handshake message whose first MAC is wrong: not meant for this key")
WM_DROP_ROW(WM_DROP_COOKIE, "cookie", "a handshake message without a valid cookie while under load")
WM_DROP_ROW(WM_DROP_LOAD, "load",
	    "a handshake message of a stranger while under load, above the rate that is looked at")
WM_DROP_ROW(WM_DROP_BUSY, "busy", "a handshake message that found the handshake queue full")
WM_DROP_ROW(WM_DROP_DOWN, "down", "a handshake message that came while the interface is down")
WM_DROP_ROW(WM_DROP_HANDSHAKE, "handshake",
	    "a handshake message that does not decrypt or does not fit its state")
WM_DROP_ROW(WM_DROP_UNKNOWN_PEER, "unknown_peer", "an initiation from a key that is not configured")
WM_DROP_ROW(WM_DROP_STALE, "stale", "an initiation whose timestamp is not newer than the last")
WM_DROP_ROW(WM_DROP_FLOOD, "flood",
	    "an initiation that came too soon after the last of the same peer or source")
WM_DROP_ROW(WM_DROP_INDEX, "index", "a message for a session index that is not ours (any more)")
WM_DROP_ROW(WM_DROP_AUTH, "auth", "a data packet that does not decrypt")
WM_DROP_ROW(WM_DROP_REPLAY, "replay", "a data packet whose counter was seen before or is too old")
WM_DROP_ROW(WM_DROP_EXPIRED, "expired", "a data packet of a session past its time or counter limit")
WM_DROP_ROW(WM_DROP_INNER, "inner", "a decrypted packet that is not a well-formed IP packet")
WM_DROP_ROW(WM_DROP_SOURCE, "source",
	    "a decrypted packet from an address that its peer may not use")
WM_DROP_ROW(WM_DROP_ECN, "ecn",
	    "a decrypted packet without congestion control that came marked as congested")
WM_DROP_ROW(WM_DROP_MAPPED, "mapped",
	    "a packet with an IPv4-mapped IPv6 address, which a host would take for IPv4")
WM_DROP_ROW(WM_DROP_HEADERS, "headers",
	    "a decrypted packet whose headers hide from the policy what it is or where it goes")
WM_DROP_ROW(WM_DROP_FRAGMENT, "fragment",
	    "a decrypted fragment that hides from the policy which ports it is for")
WM_DROP_ROW(WM_DROP_POLICY, "policy", "a decrypted packet that the policy does not allow")
WM_DROP_ROW(WM_DROP_POLICY_OUT, "policy_out",
	    "a packet from the host that the policy does not allow")
WM_DROP_ROW(WM_DROP_NO_PEER, "no_peer", "a packet from the host to an address that no peer has")
WM_DROP_ROW(WM_DROP_NO_ENDPOINT, "no_endpoint",
	    "a packet for a peer whose address is not known yet")
WM_DROP_ROW(WM_DROP_STAGED, "staged",
	    "a packet that waited for a handshake in vain, or found no room to wait")
WM_DROP_ROW(WM_DROP_SEND, "send", "a datagram that the kernel refused to send")
WM_DROP_ROW(WM_DROP_TUN, "tun", "a packet that the interface refused")
WM_DROP_ROW(WM_DROP_FOREIGN, "foreign",
	    "a datagram that is not WireGuard, above the rate that is looked at")
WM_DROP_ROW(WM_DROP_OFFLOAD, "offload",
	    "a packet from the host that stands for many and contradicts what is said of it")
