#pragma once
/*
 * An intrusive, circular, doubly linked list. The owner embeds a struct wm_list as head, each
 * member embeds one as node; wm_container_of finds the member. Holds no memory.
 */
#include "base/mem.h"
#include <stdbool.h>

struct wm_list {
	struct wm_list *next;
	struct wm_list *prev;
};

static inline void wm_list_init(struct wm_list *head)
{
	head->next = head;
	head->prev = head;
}

static inline bool wm_list_is_empty(const struct wm_list *head)
{
	return head->next == head;
}

/* True when the node (zeroed or initialised before) is in some list. */
static inline bool wm_list_is_linked(const struct wm_list *node)
{
	return node->next != NULL && node->next != node;
}

static inline void wm_list_insert_after(struct wm_list *at, struct wm_list *node)
{
	node->prev = at;
	node->next = at->next;
	at->next->prev = node;
	at->next = node;
}

static inline void wm_list_push(struct wm_list *head, struct wm_list *node) /* at the end */
{
	wm_list_insert_after(head->prev, node);
}

static inline void wm_list_push_front(struct wm_list *head, struct wm_list *node)
{
	wm_list_insert_after(head, node);
}

/* Takes the node out; harmless on a node that is in no list. */
static inline void wm_list_remove(struct wm_list *node)
{
	if (node->next == NULL)
		return;
	node->prev->next = node->next;
	node->next->prev = node->prev;
	wm_list_init(node);
}

static inline struct wm_list *wm_list_first(const struct wm_list *head) /* NULL when empty */
{
	return wm_list_is_empty(head) ? NULL : head->next;
}

/* @it is a struct wm_list *. The safe form allows removing @it. */
#define wm_list_each(it, head) for (it = (head)->next; it != (head); it = it->next)
#define wm_list_each_safe(it, tmp, head) \
	for (it = (head)->next, tmp = it->next; it != (head); it = tmp, tmp = it->next)
