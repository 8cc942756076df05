#pragma once
/*
 * The types in which the system writes socket addresses, under whichever header it keeps them. For
 * .c files only: on Windows it defines names as common as "interface".
 */
#ifdef _WIN32
#include <winsock2.h>
#include <ws2tcpip.h>
#else
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#endif
