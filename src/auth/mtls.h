#pragma once
/*
 * Identity by client certificate: TLS has verified the chain, the subject's common name is the
 * caller's node ID. Pure; any thread.
 */
#include "auth/auth.h"

extern const struct wm_auth_provider wm_auth_mtls;
