#pragma once
/*
 * The names that may stand in keys, certificates and paths: the rules for IDs and node IDs. Pure;
 * any thread.
 */
#include <stdbool.h>
#include <stddef.h>

#define WM_IDENT_MAX  63
#define WM_IDENT_TEXT (WM_IDENT_MAX + 1) /* with the NUL */

/*
 * 1..63 bytes of UTF-8 with no blank and none of / \ : * ? " ' < > | and the comma. Control
 * characters (of ASCII) are refused too, which the Go original lets pass: these names go to logs
 * and terminals.
 */
bool wm_ident_is_valid(const char *s, size_t n);
/* The same, and none of the words self, local, localhost, leader, voters, observers. */
bool wm_ident_is_node(const char *s, size_t n);
