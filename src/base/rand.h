#pragma once
/* Random numbers from the kernel's generator; never fails (aborts if the kernel has none). */
#include <stddef.h>
#include <stdint.h>

/* Fills @n bytes at @p. Any thread. */
void wm_rand_bytes(void *p, size_t n);
uint32_t wm_rand_u32(void);
uint64_t wm_rand_u64(void);
/* Uniform in 0..@n-1, without bias; @n > 0. */
uint32_t wm_rand_below(uint32_t n);
