/* A long-distance link for benchmarks, in user space: everything that crosses between two network namespaces is queued behind
 * a bottleneck, delayed, jittered, lost, doubled, blacked out. For machines whose kernel has no netem.
 *
 *   wanlink NAMESPACE_A NAMESPACE_B [OPTION VALUE]...
 *
 * Makes a TUN device `wan0` in each (existing, by /var/run/netns name); whoever starts it gives them addresses. Prints "ready"
 * on stdout then. Both directions are alike:
 *   rate MBIT     bottleneck, megabits a second; 0: none           queue KB     its buffer; 0: one round trip's worth, 64 at least
 *   delay MS      one way                                           jitter MS    uniform, added; reorders
 *   loss PERCENT  each packet for itself                            burst N      lost packets come N in a row on average
 *   double PERCENT                                                  dark AT,FOR  seconds after the first packet: nothing passes
 *   mtu BYTES                                                       seed N
 * Ends on SIGTERM or SIGINT, with the counts of both directions on stderr.
 *
 * Packets wait in slots of a wheel, 1/64 ms a slot, each a list in order of arrival: putting one in and taking it out costs the
 * same however many wait. The wheel spans 4 s, more than any delay that is accepted.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/if_tun.h>
#include <math.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { SLOT_NS = 15625, SLOTS = 1 << 18, BATCH = 128, MAX_PACKET = 65535 };

struct packet {
  struct packet *next;
  int length;
  unsigned char bytes[];
};

struct slot {
  struct packet *first, **last;
};

struct direction {
  const char *name;
  int from, to;
  struct slot *wheel;
  int64_t swept;     /* slots up to here are empty */
  int64_t waiting;   /* packets in the wheel */
  int64_t idle_at;   /* ns: when the bottleneck has sent all that it holds */
  int losing;        /* in a run of lost packets */
  uint64_t came, lost, full, doubled, passed;
};

static struct {
  double rate, queue, delay, jitter, loss, burst, twice, dark_at, dark_for;
  int mtu;
} want = { .burst = 1, .dark_at = -1, .mtu = 1500 };

static uint64_t state = 0x853c49e6748fea9bULL;
static volatile sig_atomic_t ending;
static int64_t started;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void end(int signal_number) {
  (void)signal_number;
  ending = 1;
}

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* splitmix64, as a fraction of one */
static double chance(void) {
  uint64_t z = (state += 0x9e3779b97f4a7c15ULL);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return ((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

/* Gilbert's model: runs of `burst` on average, so that `loss` of all packets are lost in the end. */
static int is_lost(struct direction *d) {
  double share = want.loss / 100;
  if (share <= 0) return 0;
  if (d->losing) d->losing = chance() >= 1 / want.burst;
  else d->losing = chance() < share / (1 - share) / want.burst;
  return d->losing;
}

static int is_dark(int64_t t) {
  double at = (t - started) / 1e9;
  return want.dark_at >= 0 && at >= want.dark_at && at < want.dark_at + want.dark_for;
}

static void put(struct direction *d, int64_t due, const unsigned char *bytes, int length) {
  int64_t slot = due / SLOT_NS;
  if (slot <= d->swept) slot = d->swept + 1;
  if (slot >= d->swept + SLOTS) slot = d->swept + SLOTS - 1;
  struct packet *p = malloc(sizeof *p + length);
  if (!p) fail("malloc");
  p->next = NULL;
  p->length = length;
  memcpy(p->bytes, bytes, length);
  struct slot *s = &d->wheel[slot % SLOTS];
  *s->last = p;
  s->last = &p->next;
  d->waiting++;
}

static void take(struct direction *d, const unsigned char *bytes, int length) {
  int64_t t = now();
  if (!started) started = t;
  d->came++;
  if (is_dark(t) || is_lost(d)) {
    d->lost++;
    return;
  }
  int copies = chance() * 100 < want.twice ? 2 : 1;
  d->doubled += copies - 1;
  while (copies-- > 0) {
    int64_t leaves = t;
    if (want.rate > 0) {
      double bytes_per_ns = want.rate / 8000;
      double room = want.queue > 0 ? want.queue * 1000 : fmax(64000, bytes_per_ns * 2e6 * want.delay);
      int64_t begins = d->idle_at > t ? d->idle_at : t;
      if ((begins - t) * bytes_per_ns + length > room) {
        d->full++;
        return;
      }
      leaves = d->idle_at = begins + (int64_t)(length / bytes_per_ns);
    }
    put(d, leaves + (int64_t)((want.delay + chance() * want.jitter) * 1e6), bytes, length);
  }
}

static void deliver(struct direction *d, int64_t t) {
  int64_t until = t / SLOT_NS;
  if (d->waiting == 0) d->swept = until;
  while (d->swept < until) {
    struct slot *s = &d->wheel[++d->swept % SLOTS];
    for (struct packet *p = s->first, *next; p; p = next) {
      next = p->next;
      if (write(d->to, p->bytes, p->length) == p->length) d->passed++;
      d->waiting--;
      free(p);
    }
    s->first = NULL;
    s->last = &s->first;
    if (d->waiting == 0) d->swept = until;
  }
}

/* ns until the next packet is due, a second at most */
static int64_t until_next(struct direction *d, int64_t t) {
  if (d->waiting == 0) return 1000000000;
  for (int64_t slot = d->swept + 1; slot < d->swept + SLOTS; slot++) {
    if (d->wheel[slot % SLOTS].first) return slot * SLOT_NS > t ? slot * SLOT_NS - t : 0;
  }
  return 0;
}

static int device_in(const char *namespace_name) {
  char path[128];
  snprintf(path, sizeof path, "/var/run/netns/%s", namespace_name);
  int there = open(path, O_RDONLY | O_CLOEXEC);
  if (there < 0 || setns(there, CLONE_NEWNET) < 0) fail(path);
  close(there);
  int device = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  struct ifreq request = { .ifr_name = "wan0" };
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (device < 0 || ioctl(device, TUNSETIFF, &request) < 0) fail("/dev/net/tun");
  int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  request.ifr_mtu = want.mtu;
  if (any < 0 || ioctl(any, SIOCSIFMTU, &request) < 0) fail("mtu");
  request.ifr_qlen = 10000;
  if (ioctl(any, SIOCSIFTXQLEN, &request) < 0) fail("queue length");
  close(any);
  return device;
}

static void read_options(int count, char **words) {
  for (int i = 0; i + 1 < count; i += 2) {
    const char *name = words[i], *value = words[i + 1];
    if (!strcmp(name, "rate")) want.rate = atof(value);
    else if (!strcmp(name, "queue")) want.queue = atof(value);
    else if (!strcmp(name, "delay")) want.delay = atof(value);
    else if (!strcmp(name, "jitter")) want.jitter = atof(value);
    else if (!strcmp(name, "loss")) want.loss = atof(value);
    else if (!strcmp(name, "burst")) want.burst = fmax(1, atof(value));
    else if (!strcmp(name, "double")) want.twice = atof(value);
    else if (!strcmp(name, "mtu")) want.mtu = atoi(value);
    else if (!strcmp(name, "seed")) state += strtoull(value, NULL, 10) * 0xda942042e4dd58b5ULL;
    else if (!strcmp(name, "dark") && sscanf(value, "%lf,%lf", &want.dark_at, &want.dark_for) == 2) continue;
    else {
      fprintf(stderr, "wanlink: no option %s\n", name);
      exit(2);
    }
  }
}

int main(int count, char **words) {
  if (count < 3 || count % 2 == 0) {
    fprintf(stderr, "usage: wanlink NAMESPACE_A NAMESPACE_B [OPTION VALUE]...\n");
    return 2;
  }
  read_options(count - 3, words + 3);
  if (want.delay + want.jitter > 2000) {
    fprintf(stderr, "wanlink: more than 2 s of delay\n");
    return 2;
  }
  int a = device_in(words[1]), b = device_in(words[2]);
  struct direction both[2] = { { .name = "a to b", .from = a, .to = b }, { .name = "b to a", .from = b, .to = a } };
  for (int i = 0; i < 2; i++) {
    both[i].wheel = calloc(SLOTS, sizeof *both[i].wheel);
    if (!both[i].wheel) fail("calloc");
    for (int k = 0; k < SLOTS; k++) both[i].wheel[k].last = &both[i].wheel[k].first;
    both[i].swept = now() / SLOT_NS;
  }
  signal(SIGTERM, end);
  signal(SIGINT, end);
  puts("ready");
  fflush(stdout);
  static unsigned char buffer[MAX_PACKET];
  while (!ending) {
    int64_t t = now();
    int64_t first = until_next(&both[0], t), second = until_next(&both[1], t);
    int64_t gap = first < second ? first : second;
    struct timespec wait = { gap / 1000000000, gap % 1000000000 };
    struct pollfd ready[2] = { { a, POLLIN, 0 }, { b, POLLIN, 0 } };
    ppoll(ready, 2, &wait, NULL);
    for (int i = 0; i < 2; i++) {
      if (!(ready[i].revents & POLLIN)) continue;
      for (int k = 0; k < BATCH; k++) {
        int length = read(both[i].from, buffer, sizeof buffer);
        if (length <= 0) break;
        take(&both[i], buffer, length);
      }
    }
    t = now();
    for (int i = 0; i < 2; i++) deliver(&both[i], t);
  }
  for (int i = 0; i < 2; i++) {
    struct direction *d = &both[i];
    fprintf(stderr, "wanlink %s: %llu came, %llu lost, %llu found the queue full, %llu doubled, %llu passed\n", d->name,
            (unsigned long long)d->came, (unsigned long long)d->lost, (unsigned long long)d->full,
            (unsigned long long)d->doubled, (unsigned long long)d->passed);
  }
  return 0;
}
