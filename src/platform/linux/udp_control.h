#pragma once
/*
 * What travels beside a datagram between us and the kernel (cmsg(3)): the length of the datagrams
 * of a train, our address and interface, DSCP and ECN. Pure; any thread.
 */
#include <netinet/in.h>
#include <sys/socket.h>
#include "platform/udp.h"

/* Room for all of it, in either direction. */
union wm_udp_control {
	struct cmsghdr header;
	uint8_t room[CMSG_SPACE(sizeof(struct in6_pktinfo)) + 2 * CMSG_SPACE(sizeof(int))];
};

/* Puts into @m what the kernel is to know of @p beyond its bytes; @segment 0 = it is no train.
 * @has_local: also where it is to leave. */
void wm_udp_control_write(union wm_udp_control *c, struct msghdr *m, const struct wm_udp_packet *p,
			  uint32_t segment, bool has_local);
/* Fills segment, local and tos of @p; what the kernel does not say is zero. */
void wm_udp_control_read(struct msghdr *m, struct wm_udp_packet *p);
