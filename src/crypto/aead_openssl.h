#pragma once
/* The provider that works everywhere: OpenSSL's EVP with one kept context. Inside crypto/ only. */
#include "crypto/aead.h"

extern const struct wm_aead_provider wm_aead_openssl;
