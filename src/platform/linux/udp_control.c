#include "platform/linux/udp_control.h"
#include <string.h>
#include <netinet/udp.h>

static void put(struct msghdr *m, int level, int type, const void *value, size_t len)
{
	/* Aligned, as all lengths before it are. */
	struct cmsghdr *c = (void *)((uint8_t *)m->msg_control + m->msg_controllen);
	memset(c, 0, CMSG_SPACE(len));
	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), value, len);
	m->msg_controllen += CMSG_SPACE(len);
}

static void put_local(struct msghdr *m, const struct wm_udp_local *l)
{
	struct in_pktinfo v4 = {.ipi_ifindex = (int)l->link};
	struct in6_pktinfo v6 = {.ipi6_ifindex = l->link};
	if (l->addr.family == WM_IPV4) {
		memcpy(&v4.ipi_spec_dst, l->addr.bytes, sizeof(v4.ipi_spec_dst));
		put(m, IPPROTO_IP, IP_PKTINFO, &v4, sizeof(v4));
	} else {
		memcpy(&v6.ipi6_addr, l->addr.bytes, sizeof(v6.ipi6_addr));
		put(m, IPPROTO_IPV6, IPV6_PKTINFO, &v6, sizeof(v6));
	}
}

void wm_udp_control_write(union wm_udp_control *c, struct msghdr *m, const struct wm_udp_packet *p,
			  uint32_t segment, bool has_local)
{
	uint16_t length = (uint16_t)segment;
	int tos = p->tos;
	m->msg_control = c->room;
	m->msg_controllen = 0;
	if (segment != 0)
		put(m, IPPROTO_UDP, UDP_SEGMENT, &length, sizeof(length));
	if (has_local && wm_addr_is_valid(&p->local.addr) &&
	    p->local.addr.family == p->peer.addr.family)
		put_local(m, &p->local);
	if (tos != 0 && p->peer.addr.family == WM_IPV4)
		put(m, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	else if (tos != 0)
		put(m, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos));
	if (m->msg_controllen == 0)
		m->msg_control = NULL;
}

static bool is(const struct cmsghdr *c, int level, int type, size_t len)
{
	return c->cmsg_level == level && c->cmsg_type == type && c->cmsg_len >= CMSG_LEN(len);
}

static void read_v4(const struct cmsghdr *c, struct wm_udp_local *out)
{
	struct in_pktinfo info;
	memcpy(&info, CMSG_DATA(c), sizeof(info));
	out->addr = (struct wm_addr){.family = WM_IPV4};
	memcpy(out->addr.bytes, &info.ipi_spec_dst, sizeof(info.ipi_spec_dst));
	out->link = (unsigned)info.ipi_ifindex;
}

static void read_v6(const struct cmsghdr *c, struct wm_udp_local *out)
{
	struct in6_pktinfo info;
	struct wm_addr addr = {.family = WM_IPV6};
	memcpy(&info, CMSG_DATA(c), sizeof(info));
	memcpy(addr.bytes, &info.ipi6_addr, sizeof(info.ipi6_addr));
	out->addr = wm_addr_unmapped(&addr);
	out->link = info.ipi6_ifindex;
}

static int read_int(const struct cmsghdr *c)
{
	int value;
	memcpy(&value, CMSG_DATA(c), sizeof(value));
	return value;
}

static void read_one(const struct cmsghdr *c, struct wm_udp_packet *p)
{
	if (is(c, IPPROTO_UDP, UDP_GRO, sizeof(int)))
		p->segment = read_int(c) > 0 ? (uint32_t)read_int(c) : 0;
	else if (is(c, IPPROTO_IP, IP_PKTINFO, sizeof(struct in_pktinfo)))
		read_v4(c, &p->local);
	else if (is(c, IPPROTO_IPV6, IPV6_PKTINFO, sizeof(struct in6_pktinfo)))
		read_v6(c, &p->local);
	else if (is(c, IPPROTO_IP, IP_TOS, 1)) /* a byte, whatever is written there takes four */
		p->tos = *CMSG_DATA(c);
	else if (is(c, IPPROTO_IPV6, IPV6_TCLASS, sizeof(int)))
		p->tos = (uint8_t)read_int(c);
}

void wm_udp_control_read(struct msghdr *m, struct wm_udp_packet *p)
{
	p->segment = 0;
	p->tos = 0;
	p->local = (struct wm_udp_local){.link = 0};
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c))
		read_one(c, p);
}
