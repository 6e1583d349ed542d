/* The reference forwarder in C, to keep forwarder.rs honest: same arguments, same system calls. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { BATCH = 64, SLOT = 2048, MOST = 64 };
static char bytes[BATCH][SLOT];
static struct iovec parts[BATCH];
static struct mmsghdr heads[BATCH];
static struct sockaddr_in to[MOST], from;

static struct sockaddr_in address(char *text) {
    struct sockaddr_in found = {.sin_family = AF_INET};
    char *colon = strrchr(text, ':');
    if (colon) *colon = 0, found.sin_port = htons(atoi(colon + 1));
    inet_pton(AF_INET, text, &found.sin_addr);
    return found;
}

int main(int count, char **args) {
    int s = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), poll = epoll_create1(0);
    int big = 4 << 20, targets = count - 2, next = 0;
    if (targets < 1 || targets > MOST) return fprintf(stderr, "LISTEN DESTINATION...\n"), 1;
    for (int i = 0; i < targets; i++) to[i] = address(args[i + 2]);
    from = address(args[1]);
    setsockopt(s, SOL_SOCKET, SO_RCVBUF, &big, sizeof big);
    setsockopt(s, SOL_SOCKET, SO_SNDBUF, &big, sizeof big);
    if (bind(s, (struct sockaddr *)&from, sizeof from)) return perror("bind"), 1;
    struct epoll_event event = {.events = EPOLLIN};
    epoll_ctl(poll, EPOLL_CTL_ADD, s, &event);
    memset(bytes, 255, sizeof bytes);
    for (int i = 0; i < BATCH; i++)
        parts[i].iov_base = bytes[i], heads[i].msg_hdr.msg_iov = &parts[i],
        heads[i].msg_hdr.msg_iovlen = 1;
    for (;;) {
        for (int i = 0; i < BATCH; i++)
            parts[i].iov_len = SLOT, heads[i].msg_hdr.msg_name = 0,
            heads[i].msg_hdr.msg_namelen = 0;
        int n = recvmmsg(s, heads, BATCH, MSG_DONTWAIT, 0);
        for (int i = 0; i < n; i++, next = (next + 1) % targets)
            parts[i].iov_len = heads[i].msg_len, heads[i].msg_hdr.msg_name = &to[next],
            heads[i].msg_hdr.msg_namelen = sizeof to[next];
        for (int sent = 0; sent < n;) {
            int now = sendmmsg(s, heads + sent, n - sent, 0);
            sent += now > 0 ? now : 1;
        }
        if (n < BATCH) epoll_wait(poll, &event, 1, -1);
    }
}
