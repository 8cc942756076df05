#pragma once
/*
 * Names of this program's own functions by address, static ones too, out of the symbol table of its
 * file; a file that was stripped has none. Looking up is safe in a signal handler. Internal to
 * platform/linux.
 */
#include <stddef.h>
#include <stdint.h>

/* Maps the program's file, once. Without it nothing is ever found. */
void wm_symbols_open(void);
/* The function that @address lies in, and how far; NULL when unknown. Borrowed for good. */
const char *wm_symbols_find(uintptr_t address, uintptr_t *offset);
