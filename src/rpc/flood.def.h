/* One row per way in which a peer makes us work for nothing and is cut off for it: identifier, name
 * in metrics and logs, sentence. */
WM_FLOOD_ROW(WM_FLOOD_RESET, "reset", "streams that it opens and resets")
WM_FLOOD_ROW(WM_FLOOD_MISTAKE, "mistake", "streams that we have to reset for its mistakes")
WM_FLOOD_ROW(WM_FLOOD_PING, "ping", "pings")
WM_FLOOD_ROW(WM_FLOOD_SETTINGS, "settings", "settings")
WM_FLOOD_ROW(WM_FLOOD_PRIORITY, "priority", "priorities, which mean nothing to us")
WM_FLOOD_ROW(WM_FLOOD_EMPTY_DATA, "empty_data", "DATA that holds nothing and ends nothing")
WM_FLOOD_ROW(WM_FLOOD_CONTINUATION, "continuation", "headers in too many pieces")
WM_FLOOD_ROW(WM_FLOOD_SLOW_HEADERS, "slow_headers", "headers that are not complete in time")
WM_FLOOD_ROW(WM_FLOOD_UNREAD, "unread", "questions to the protocol whose answers it does not read")
