#pragma once
/*
 * What a name may look like: the ID rules of the registry. An ID is 1 to 63 bytes of UTF-8 without
 * / \ : * ? " ' < > | , and blank; a node ID is besides none of the names that mean something else
 * to a client (self, local, localhost, leader, voters, observers). Pure functions, any thread.
 */
#include "base/err.h"
#include "crypto/ident.h"
#include <stdbool.h>

#define WM_ID_MAX WM_IDENT_MAX

bool wm_id_is_valid(const char *s); /* NULL is not */
bool wm_node_id_is_valid(const char *s);
/* "*" or a valid ID. */
bool wm_id_is_valid_or_any(const char *s);
/* INVALID_ARGUMENT whose text names @field ("id"), shows the value and says the rule. */
WM_MUST_CHECK int wm_id_check(const char *s, const char *field, struct wm_err *err);
WM_MUST_CHECK int wm_node_id_check(const char *s, const char *field, struct wm_err *err);

/* After at most one leading slash, components that are valid IDs with one slash between. */
bool wm_path_key_is_valid(const char *key);
/* Begins with "/registry" or "/raft": not for users to write. */
bool wm_path_key_is_reserved(const char *key);
