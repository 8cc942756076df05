#pragma once
/* The provider made for packets: intel-ipsec-mb, where it is installed. Inside crypto/ only. */
#include "crypto/aead.h"

extern const struct wm_aead_provider wm_aead_ipsec_mb;
