/* openloop HOST PORT RATE SECONDS CONNECTIONS REQUESTS
 *
 * Sends the HTTP requests of the file REQUESTS (each with its length before it: "123\n" and then 123 bytes) in turn, RATE
 * a second, at their set times whether or not the ones before are answered, over at most CONNECTIONS connections. Prints
 * "status microseconds" of each. The clock of a request runs from when it should have been sent: one that waits for a free
 * connection is late, and so are all behind a server that stalls.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define LARGEST_HEAD 65536

typedef struct { char *bytes; size_t length; } Request;
typedef struct {
    int fd;
    int busy;                  /* a request is on its way */
    double due;                /* when it should have been sent */
    const Request *request;
    size_t sent;
    char head[LARGEST_HEAD + 1];
    size_t head_length;
    int status;
    long body_left;            /* -1 while the head is read */
} Connection;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void fail(const char *what) {
    fprintf(stderr, "openloop: %s: %s\n", what, strerror(errno));
    exit(1);
}

static Request *read_requests(const char *path, size_t *count) {
    FILE *file = fopen(path, "rb");
    if (!file) fail(path);
    Request *all = NULL;
    size_t length;
    *count = 0;
    while (fscanf(file, "%zu", &length) == 1) {
        fgetc(file);
        all = realloc(all, (*count + 1) * sizeof *all);
        all[*count].bytes = malloc(length);
        all[*count].length = length;
        if (fread(all[*count].bytes, 1, length, file) != length) fail("a request ends early");
        ++*count;
    }
    fclose(file);
    if (!*count) fail("there are no requests");
    return all;
}

static void watch(int epoll, Connection *c, int operation, unsigned events) {
    struct epoll_event event = {.events = events, .data.ptr = c};
    if (epoll_ctl(epoll, operation, c->fd, &event)) fail("epoll_ctl");
}

static void push_out(int epoll, Connection *c) {
    while (c->sent < c->request->length) {
        ssize_t n = write(c->fd, c->request->bytes + c->sent, c->request->length - c->sent);
        if (n < 0 && errno == EAGAIN) { watch(epoll, c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT); return; }
        if (n < 0) fail("write");
        c->sent += (size_t)n;
    }
    watch(epoll, c, EPOLL_CTL_MOD, EPOLLIN);
}

static void begin(int epoll, Connection *c, const Request *request, double due) {
    c->busy = 1; c->due = due; c->request = request;
    c->sent = 0; c->head_length = 0; c->body_left = -1;
    push_out(epoll, c);
}

static void read_head(Connection *c) {
    c->head[c->head_length] = 0;
    char *end = strstr(c->head, "\r\n\r\n");
    if (!end) return;
    c->status = atoi(c->head + 9);
    long body = 0;
    for (char *line = c->head; line && line < end; line = strstr(line, "\r\n"), line = line ? line + 2 : NULL)
        if (!strncasecmp(line, "content-length:", 15)) body = atol(line + 15);
    c->body_left = body - (long)(c->head_length - (size_t)(end + 4 - c->head));
}

/* Whether the answer is complete. */
static int take_in(Connection *c) {
    char rest[LARGEST_HEAD];
    for (;;) {
        int in_head = c->body_left < 0;
        ssize_t n = in_head ? read(c->fd, c->head + c->head_length, LARGEST_HEAD - c->head_length)
                            : read(c->fd, rest, sizeof rest);
        if (n < 0 && errno == EAGAIN) return 0;
        if (n <= 0) fail("the server closed a connection");
        if (in_head) { c->head_length += (size_t)n; read_head(c); }
        else c->body_left -= n;
        if (c->body_left == 0) return 1;
    }
}

int main(int argc, char **argv) {
    if (argc != 7) { fprintf(stderr, "openloop HOST PORT RATE SECONDS CONNECTIONS REQUESTS\n"); return 2; }
    double rate = atof(argv[3]), seconds = atof(argv[4]);
    int connections = atoi(argv[5]), epoll = epoll_create1(0), one = 1;
    size_t count, wanted = (size_t)(rate * seconds), started = 0, ended = 0;
    Request *requests = read_requests(argv[6], &count);
    Connection *all = calloc((size_t)connections, sizeof *all);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(argv[2]))};
    inet_pton(AF_INET, argv[1], &address.sin_addr);
    for (int i = 0; i < connections; i++) {
        all[i].fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(all[i].fd, (struct sockaddr *)&address, sizeof address)) fail("connect");
        setsockopt(all[i].fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        fcntl(all[i].fd, F_SETFL, O_NONBLOCK);
        watch(epoll, &all[i], EPOLL_CTL_ADD, EPOLLIN);
        usleep(2000); /* so that several processes at one socket take them in turn */
    }
    double start = now() + 0.05;
    while (ended < wanted) {
        double at = now();
        while (started < wanted && start + (double)started / rate <= at) {
            Connection *idle = NULL;
            for (int i = 0; i < connections && !idle; i++) {
                Connection *c = &all[(started + (size_t)i) % (size_t)connections];
                if (!c->busy) idle = c;
            }
            if (!idle) break;
            begin(epoll, idle, &requests[started % count], start + (double)started / rate);
            started++;
        }
        double until = started < wanted ? start + (double)started / rate - now() : 1.0;
        struct timespec patience = {0, until < 0 ? 0 : (long)(until * 1e9) % 1000000000};
        if (until >= 1.0) patience = (struct timespec){1, 0};
        if (until < 0) patience = (struct timespec){0, 1000000}; /* all connections are busy */
        struct epoll_event events[64];
        int n = epoll_pwait2(epoll, events, 64, &patience, NULL);
        if (n < 0 && errno != EINTR) fail("epoll_pwait2");
        for (int i = 0; i < n; i++) {
            Connection *c = events[i].data.ptr;
            if (c->busy && (events[i].events & EPOLLOUT) && c->sent < c->request->length) push_out(epoll, c);
            if (!(events[i].events & EPOLLIN)) continue;
            if (!c->busy) fail("an answer that was not asked for");
            if (take_in(c)) {
                printf("%d %.0f\n", c->status, (now() - c->due) * 1e6);
                c->busy = 0;
                ended++;
            }
        }
        if (now() > start + seconds + 60) { fprintf(stderr, "openloop: %zu of %zu answered\n", ended, wanted); return 1; }
    }
    return 0;
}
