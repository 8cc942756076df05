#pragma once
/* Room for the address of a UDP socket of either family. */
#include <netinet/in.h>
#include <sys/socket.h>

union wm_linux_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};
