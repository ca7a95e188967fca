/*
 * replay: the loads of the bench in C, over whatever malloc the process has.
 *
 *   replay trace FILE                                      FILE: see dump.ts
 *   replay pair|churn|growth|fill LIVE LEAST MOST ALIGNMENT STEPS
 *
 * Asked in words on standard input and answers as child.ts does; a pass over a fresh heap, and the space, are asked of
 * a process that did nothing before. It takes no memory from malloc for itself: its own tables are mapped.
 *
 *   extent     of the C library's malloc: the largest arena + mmapped bytes (mallinfo2), looked at every thousand
 *              events, at large blocks and at the peak
 *   resident   growth of the peak of resident memory over a pass that writes every page of every block
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { ALLOC, ZEROED, ALIGN, RESIZE, FREE };
enum { WARM_PASSES = 3, CHANCES = 1 << 20, LARGE = 1 << 17 };
static const double SHORT_NS = 2e7; /* a shorter pass is made twice: others have used the caches meanwhile */

static int32_t events, blocks, left_count;
static int32_t *ids, *sizes, *aligns, *left, *lengths;
static uint8_t *ops;
static double peak_at;
static void **places;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return 1e9 * (double)t.tv_sec + (double)t.tv_nsec;
}

static void *table(size_t bytes) {
  void *at = mmap(NULL, bytes + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (at == MAP_FAILED) exit(2);
  return at;
}

static void say(const char *format, double a, double b) {
  char line[128];
  int length = snprintf(line, sizeof line, format, a, b);
  if (write(1, line, (size_t)length) != length) exit(3);
}

/* traces */

static void load_trace(const char *path) {
  int fd = open(path, O_RDONLY);
  struct stat st;
  if (fd < 0 || fstat(fd, &st) != 0) exit(2);
  uint8_t *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
  if (bytes == MAP_FAILED) exit(2);
  int32_t *head = (int32_t *)bytes;
  events = head[1], blocks = head[2], left_count = head[3];
  memcpy(&peak_at, bytes + 24, 8);
  ids = head + 8;
  sizes = ids + events;
  aligns = sizes + events;
  left = aligns + events;
  ops = (uint8_t *)(left + left_count);
  places = table(sizeof(void *) * (size_t)blocks);
  lengths = table(sizeof(int32_t) * (size_t)blocks);
}

static inline void *serve(int32_t e) {
  switch (ops[e]) {
    case ALLOC: return malloc((size_t)sizes[e]);
    case ZEROED: return calloc(1, (size_t)sizes[e]);
    case ALIGN: return memalign((size_t)aligns[e], (size_t)sizes[e]);
    default: return realloc(places[ids[e]], (size_t)sizes[e]);
  }
}

static int32_t replay(void) {
  for (int32_t e = 0; e < events; e++) {
    if (ops[e] == FREE) {
      free(places[ids[e]]);
      continue;
    }
    void *at = serve(e);
    if (at == NULL) return e;
    places[ids[e]] = at;
  }
  return events;
}

static void free_left(void) {
  for (int32_t i = 0; i < left_count; i++) free(places[left[i]]);
}

static int is_as_written(int32_t id, const uint8_t *at, int32_t length) {
  uint64_t value = (uint64_t)(id & 255) * 0x0101010101010101u, wrong = 0, word;
  int32_t i = 0;
  for (; i + 8 <= length; i += 8) {
    memcpy(&word, at + i, 8);
    wrong |= word ^ value;
  }
  for (; i < length; i++) wrong |= (uint64_t)(at[i] ^ (id & 255));
  return wrong == 0;
}

static int32_t use(void) {
  for (int32_t e = 0; e < events; e++) {
    int32_t id = ids[e], had = lengths[id], size = sizes[e];
    if (ops[e] == FREE) {
      if (!is_as_written(id, places[id], had)) return e;
      free(places[id]);
      continue;
    }
    void *at = serve(e);
    if (at == NULL) return e;
    if (ops[e] == RESIZE && !is_as_written(id, at, had < size ? had : size)) return e;
    places[id] = at;
    lengths[id] = size;
    memset(at, id & 255, (size_t)size);
  }
  return events;
}

static void time_trace(int32_t (*play)(void), int is_fresh) {
  double ns = 0;
  for (int n = 0; n < 2 && ns < SHORT_NS; n++) {
    double start = now();
    int32_t reached = play();
    ns = now() - start;
    if (reached < events) {
      say("{\"failed\":%.0f}\n", reached, 0);
      return;
    }
    if (is_fresh) break;
    free_left();
  }
  say("{\"ns\":%.0f,\"steps\":%.0f}\n", ns, events);
}

/* The field of /proc/self/status in bytes, 0 where there is none. */
static double status(const char *field) {
  static char text[8192];
  int fd = open("/proc/self/status", O_RDONLY);
  if (fd < 0) return 0;
  ssize_t length = read(fd, text, sizeof text - 1);
  close(fd);
  if (length < 0) return 0;
  text[length] = 0;
  const char *at = strstr(text, field);
  return at == NULL ? 0 : 1024.0 * (double)atol(at + strlen(field));
}

static double held(void) {
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 33)
  struct mallinfo2 info = mallinfo2();
  return (double)info.arena + (double)info.hblkhd;
#else
  return 0;
#endif
}

static void space(void) {
  double before = status("VmRSS:"), most = 0;
  for (int32_t e = 0; e < events; e++) {
    if (ops[e] == FREE) {
      free(places[ids[e]]);
      continue;
    }
    uint8_t *at = places[ids[e]] = serve(e);
    if (at == NULL) {
      say("{\"failed\":%.0f}\n", e, 0);
      return;
    }
    for (int32_t i = 0; i < sizes[e]; i += 4096) at[i] = 1;
    at[sizes[e] - 1] = 1;
    if (e % 1024 != 0 && e != (int32_t)peak_at && sizes[e] < LARGE) continue;
    double now_held = held();
    if (now_held > most) most = now_held;
  }
  say("{\"extent\":%.0f,\"resident\":%.0f}\n", most, status("VmHWM:") - before);
}

/* loops */

static int32_t live, least, most, alignment, steps, at_chance;
static int32_t *slots;

static void make_chances(void) {
  uint32_t x = 0x9e3779b9u;
#define NEXT (x ^= x << 13, x ^= x >> 17, x ^= x << 5)
  slots = table(4 * CHANCES);
  sizes = table(4 * CHANCES);
  for (int32_t i = 0; i < CHANCES; i++) {
    slots[i] = (int32_t)(NEXT % (uint32_t)live);
    sizes[i] = least + (int32_t)(NEXT % (uint32_t)(most - least + 1));
  }
}

static inline void *one(int32_t size) {
  return alignment > 0 ? memalign((size_t)alignment, (size_t)size) : malloc((size_t)size);
}

static void churn(int32_t count) {
  for (int32_t n = 0; n < count; n++) {
    int32_t i = at_chance++ & (CHANCES - 1);
    free(places[slots[i]]);
    places[slots[i]] = one(sizes[i]);
  }
  at_chance &= CHANCES - 1;
}

static int32_t pair(void) {
  for (int32_t n = 0; n < steps; n++) {
    void *volatile at = malloc((size_t)least);
    free(at);
  }
  return steps;
}

static int32_t grow(void) {
  int32_t done = 0;
  for (int32_t s = 0; s < live; s++) places[s] = malloc((size_t)least);
  for (int32_t size = least; size < most;) {
    size += size >> 1;
    for (int32_t s = 0; s < live; s++, done++) places[s] = realloc(places[s], (size_t)size);
  }
  for (int32_t s = 0; s < live; s++) free(places[s]);
  return done;
}

static int32_t fill(void) {
  int32_t done = 0;
  for (; done < steps; done += live) {
    for (int32_t s = 0; s < live; s++) places[s] = malloc((size_t)least);
    for (int32_t s = 0; s < live; s++) free(places[s]);
  }
  return done;
}

static int32_t churn_pass(void) {
  churn(steps);
  return steps;
}

static int32_t (*loop_named(const char *shape))(void) {
  places = table(sizeof(void *) * (size_t)live);
  if (strcmp(shape, "pair") == 0) return pair;
  if (strcmp(shape, "growth") == 0) return grow;
  if (strcmp(shape, "fill") == 0) return fill;
  make_chances();
  for (int32_t s = 0; s < live; s++) places[s] = one(sizes[s & (CHANCES - 1)]);
  return churn_pass;
}

/* words */

static int read_word(char *word, size_t room) {
  size_t length = 0;
  char c;
  while (read(0, &c, 1) == 1) {
    if (c == '\n') {
      word[length] = 0;
      return 1;
    }
    if (length + 1 < room) word[length++] = c;
  }
  return 0;
}

int main(int argc, char **argv) {
  char word[16];
  int32_t (*loop)(void) = NULL;
  if (argc == 3) load_trace(argv[2]);
  else if (argc == 7) {
    live = atoi(argv[2]), least = atoi(argv[3]), most = atoi(argv[4]), alignment = atoi(argv[5]), steps = atoi(argv[6]);
    loop = loop_named(argv[1]);
  } else return 2;
  say("{\"ready\":true}\n", 0, 0);
  while (read_word(word, sizeof word)) {
    if (loop != NULL && strcmp(word, "warm") == 0) {
      if (loop == churn_pass) churn(3 * live < 1 << 18 ? 1 << 18 : 3 * live);
      else for (int n = 0; n < WARM_PASSES; n++) loop();
      say("{}\n", 0, 0);
    } else if (loop != NULL) {
      double ns = 0;
      int32_t done = 0;
      for (int n = 0; n < 2 && ns < SHORT_NS; n++) {
        double start = now();
        done = loop();
        ns = now() - start;
      }
      say("{\"ns\":%.0f,\"steps\":%.0f}\n", ns, done);
    } else if (strcmp(word, "warm") == 0) {
      for (int n = 0; n < WARM_PASSES; n++) {
        int32_t reached = replay();
        if (reached < events) {
          say("{\"failed\":%.0f}\n", reached, 0);
          break;
        }
        free_left();
        if (n == WARM_PASSES - 1) say("{}\n", 0, 0);
      }
    } else if (strcmp(word, "touch") == 0) time_trace(use, 0);
    else if (strcmp(word, "space") == 0) space();
    else time_trace(replay, strcmp(word, "fresh") == 0);
  }
  return 0;
}
