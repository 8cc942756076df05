#pragma once
/*
 * Walking the attributes of a netlink message without trusting a length in it. Pure. Internal to
 * platform/linux.
 */
#include <stdint.h>
#include <string.h>
#include <libmnl/libmnl.h>

/* The attributes that are left of a message or of a nest. */
struct wm_netlink_attrs {
	const char *pos;
	size_t left;
};

/* Those behind the first @offset bytes of the payload. */
static inline struct wm_netlink_attrs wm_netlink_attrs_of(const struct nlmsghdr *nlh, size_t offset)
{
	size_t len = mnl_nlmsg_get_payload_len(nlh);
	size_t skip = (offset + MNL_ALIGNTO - 1) / MNL_ALIGNTO * MNL_ALIGNTO;

	if (skip > len)
		return (struct wm_netlink_attrs){0};
	return (struct wm_netlink_attrs){(const char *)mnl_nlmsg_get_payload(nlh) + skip,
					 len - skip};
}

static inline struct wm_netlink_attrs wm_netlink_attrs_in(const struct nlattr *nest)
{
	return (struct wm_netlink_attrs){mnl_attr_get_payload(nest),
					 mnl_attr_get_payload_len(nest)};
}

/* The next one that lies whole in what is left, or NULL. */
static inline const struct nlattr *wm_netlink_next_attr(struct wm_netlink_attrs *a)
{
	const struct nlattr *attr = (const void *)a->pos;
	size_t size;

	if (a->left < sizeof(*attr) || attr->nla_len < sizeof(*attr) || attr->nla_len > a->left)
		return NULL;
	size = ((size_t)attr->nla_len + MNL_ALIGNTO - 1) / MNL_ALIGNTO * MNL_ALIGNTO;
	a->pos += size;
	a->left = a->left > size ? a->left - size : 0;
	return attr;
}

static inline uint32_t wm_netlink_u32(const struct nlattr *attr)
{
	uint32_t v = 0;

	if (mnl_attr_get_payload_len(attr) == sizeof(v))
		memcpy(&v, mnl_attr_get_payload(attr), sizeof(v));
	return v;
}

/* Copies text that may lack its NUL. */
static inline void wm_netlink_text(char *dst, size_t size, const struct nlattr *attr)
{
	size_t n = strnlen(mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr));

	if (n >= size)
		n = size - 1;
	memcpy(dst, mnl_attr_get_payload(attr), n);
	dst[n] = '\0';
}
