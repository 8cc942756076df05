/*
 * The choice among sockets of one port, as a classic BPF program that the kernel runs on the
 * payload of each datagram (socket(7), SO_ATTACH_REUSEPORT_CBPF): its result is the place of the
 * socket in order of binding. It needs no privilege. Where a byte is missing the program ends with
 * 0.
 */
#include "platform/udp.h"
#include <errno.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/filter.h>

int wm_udp_steer(const struct wm_udp_socket *socks, unsigned n, uint8_t kind, unsigned by,
		 struct wm_err *err)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kind, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, n - 1),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, by),
		BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, n - 1),
		BPF_STMT(BPF_RET | BPF_A, 0),
	};
	int off = 0;
	struct sock_fprog program;
	memset(&program, 0,
	       sizeof(program)); /* the hole in it, too: the kernel is given all bytes */
	program.len = sizeof(code) / sizeof(code[0]);
	program.filter = code;
	if (setsockopt(socks[0].fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program,
		       sizeof(program)) != 0)
		return wm_fail(err, WM_UNIMPLEMENTED,
			       "the kernel does not choose among sockets of one port");
	/* The kernel makes trains of datagrams whose sockets want them, and a train goes where its
	 * first datagram goes: so no other kind gets into one. */
	(void)!setsockopt(socks[n - 1].fd, SOL_UDP, UDP_GRO, &off, sizeof(off));
	return 0;
}
