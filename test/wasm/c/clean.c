/*
 * clean: programs that use memory as they should, whatever serves them.
 *
 * Each answers a checksum that depends on its parameters alone, not on addresses: it is the same over every allocator.
 * What is wrong with a block (no memory, an address not aligned or already in use, content that changed) counts in
 * failures(). Each frees what it made, hold() apart.
 *
 *   random_life    six kinds of allocation in up to 256 slots, contents written and read
 *   indirect_life  malloc and free called through the module's table
 *   kernel_*       loops that do hardly anything but allocate, to be timed
 *   deep           a recursion that allocates on every level
 *   grow_myself    grows the module's memory itself, between its allocations
 *   large_blocks   64 KiB to 1 MiB
 *   vector         a block that is grown and grown
 *   hold           blocks that stay until drop_held()
 *
 * calls(k) is how often each function was called so far: 0 malloc, 1 free, 2 calloc, 3 realloc, 4 aligned_alloc,
 * 5 posix_memalign, 6 strdup, 7 malloc_usable_size; 8 is free of the null pointer.
 */
#include "program.h"

enum { MALLOC, FREE, CALLOC, REALLOC, ALIGNED, POSIX, STRDUP, USABLE, FREE_NULL, KINDS };
enum { SLOTS = 256, LIVE = 1024, LARGE = 8, PAGE = 65536 };

static word tally[KINDS];
static word failed;
static word weakest;

EXPORT(calls) word calls(word kind) { return kind < KINDS ? tally[kind] : 0; }
EXPORT(failures) word failures(void) { return failed; }
/* The largest power of two that divides all addresses that malloc, calloc and realloc gave random_life; 0 before. */
EXPORT(weakest_alignment) word weakest_alignment(void) { return weakest & -weakest; }

/* random numbers: Marsaglia's xorshift of 32 bits */

static word state;

static word draw(void) {
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state;
}
static word below(word limit) { return draw() % limit; }
static void seed_with(word seed) { state = seed * 2654435761u + 1; if (state == 0) state = 1; }

/* Most are small, some medium, few large. */
static word draw_size(void) {
  word kind = below(100);
  return kind < 70 ? 1 + below(64) : kind < 95 ? 1 + below(1024) : kind < 99 ? 1 + below(8192) : 1 + below(100000);
}

static word mix(word sum, word n) { return (sum ^ n) * 16777619u + (sum >> 15); }

/* calls, counted */

static void *count_in(void *at, word kind) {
  tally[kind]++;
  if (at == 0) failed++;
  return at;
}
static void *count_aligned(void *at, word kind, word alignment) {
  if ((word)at % alignment != 0) failed++;
  return count_in(at, kind);
}
STEP void *take(word size) {
  void *at = count_aligned(malloc(size), MALLOC, 8);
  weakest |= (word)at;
  return at;
}
STEP void *take_zeroed(word count, word each) {
  unsigned char *at = count_aligned(calloc(count, each), CALLOC, 8);
  weakest |= (word)at;
  if (at != 0) for (word i = 0; i < count * each; i++) if (at[i] != 0) failed++;
  return at;
}
/* The only call of realloc, so that an optimiser can put realloc itself here. */
STEP void *take_more(void *old, word size) {
  void *at = count_aligned(realloc(old, size), REALLOC, 8);
  weakest |= (word)at;
  return at;
}
STEP void *take_aligned(word alignment, word size) {
  return count_aligned(aligned_alloc(alignment, (size + alignment - 1) & -alignment), ALIGNED, alignment);
}
STEP void *take_posix(word alignment, word size) {
  void *at = 0;
  int trouble = posix_memalign(&at, alignment, size);
  return count_aligned(trouble == 0 ? at : 0, POSIX, alignment);
}
STEP void *take_copy(const char *text) { return count_in(strdup(text), STRDUP); }
STEP void give(void *at) {
  tally[at == 0 ? FREE_NULL : FREE]++;
  free(at);
}
STEP word usable(void *at) {
  tally[USABLE]++;
  return malloc_usable_size(at);
}

/* contents: byte i of a block with mark m is m + i, 251 apart */

static void paint(unsigned char *at, word size, word mark) {
  for (word i = 0; i < size; i++) at[i] = (mark + i) % 251;
}
static word inspect(const unsigned char *at, word size, word mark) {
  word sum = size;
  for (word i = 0; i < size; i++) {
    if (at[i] != (mark + i) % 251) failed++;
    sum = mix(sum, at[i]);
  }
  return sum;
}

/* random lives */

struct slot {
  unsigned char *at;
  word size, mark;
};

static struct slot slots[SLOTS];

static word empty(struct slot *slot) {
  word sum = inspect(slot->at, slot->size, slot->mark);
  give(slot->at);
  slot->at = 0;
  return sum;
}

static void fill(struct slot *slot, void *at, word size) {
  if (at == 0) return;
  slot->at = at;
  slot->size = size;
  slot->mark = below(251);
  paint(slot->at, size, slot->mark);
}

STEP void fill_with_text(struct slot *slot) {
  char text[200];
  word size = 1 + below(sizeof text - 1);
  word letter = below(26);
  for (word i = 0; i + 1 < size; i++) text[i] = 'a' + (letter + i) % 26;
  text[size - 1] = 0;
  char *copy = take_copy(text);
  if (copy != 0 && strcmp(copy, text) != 0) failed++;
  fill(slot, copy, size);
}

STEP word enlarge(struct slot *slot) {
  word size = draw_size();
  word kept = size < slot->size ? size : slot->size;
  unsigned char *at = take_more(slot->at, size);
  if (at == 0) return 0;
  word sum = inspect(at, kept, slot->mark);
  slot->at = at;
  slot->size = size;
  paint(at, size, slot->mark);
  return sum;
}

STEP word use_all(struct slot *slot) {
  word bytes = usable(slot->at);
  if (bytes < slot->size) failed++;
  else memset(slot->at + slot->size, 0xee, bytes - slot->size);
  return inspect(slot->at, slot->size, slot->mark);
}

STEP void fill_somehow(struct slot *slot) {
  word size = draw_size();
  word alignment = 16u << below(5);
  switch (below(16)) {
    case 0: fill(slot, take_zeroed(1 + below(8), 1 + size / 8), size < 8 ? 1 : size / 8); break;
    case 1: fill(slot, take_aligned(alignment, size), size); break;
    case 2: fill(slot, take_posix(alignment, size), size); break;
    case 3: fill_with_text(slot); break;
    case 4: fill(slot, take_more(0, size), size); break;
    default: fill(slot, take(size), size);
  }
}

EXPORT(random_life) word random_life(word seed, word count) {
  word sum = seed;
  seed_with(seed);
  for (word i = 0; i < count; i++) {
    struct slot *slot = &slots[below(SLOTS)];
    if (slot->at == 0) fill_somehow(slot);
    else if (below(4) == 0) sum = mix(sum, enlarge(slot));
    else if (below(8) == 0) sum = mix(sum, use_all(slot));
    else sum = mix(sum, empty(slot));
  }
  for (word i = 0; i < SLOTS; i++) if (slots[i].at != 0) sum = mix(sum, empty(&slots[i]));
  give(0);
  return sum;
}

/* through the table */

static void *(*const makers[])(size_t) = { malloc, malloc };
static void (*const droppers[])(void *) = { free, free };

EXPORT(indirect_life) word indirect_life(word seed, word count) {
  word sum = seed;
  seed_with(seed);
  for (word i = 0; i < count; i++) {
    word size = draw_size();
    unsigned char *at = count_in(makers[below(2)](size), MALLOC);
    if (at == 0) continue;
    paint(at, size, i % 251);
    sum = mix(sum, inspect(at, size, i % 251));
    droppers[below(2)](at);
    tally[FREE]++;
  }
  return sum;
}

/* kernels */

EXPORT(kernel_same) word kernel_same(word count) {
  word sum = 0;
  for (word i = 0; i < count; i++) {
    volatile word *at = malloc(32);
    *at = i;
    sum += *at;
    free((void *)at);
  }
  tally[MALLOC] += count;
  tally[FREE] += count;
  return sum;
}

EXPORT(kernel_sizes) word kernel_sizes(word seed, word count) {
  static word *live[LIVE];
  word sum = 0, made = 0;
  seed_with(seed);
  for (word i = 0; i < count; i++) {
    word k = below(LIVE);
    if (live[k] != 0) {
      sum = mix(sum, *live[k]);
      free(live[k]);
    }
    live[k] = malloc(8 + below(256));
    *live[k] = i;
    made++;
  }
  for (word k = 0; k < LIVE; k++) {
    if (live[k] == 0) continue;
    sum = mix(sum, *live[k]);
    free(live[k]);
    live[k] = 0;
  }
  tally[MALLOC] += made;
  tally[FREE] += made;
  return sum;
}

/* other lives */

EXPORT(deep) word deep(word depth, word size) {
  unsigned char *at = take(size);
  if (at == 0) return 0;
  paint(at, size, depth % 251);
  word sum = depth == 0 ? 1 : deep(depth - 1, size);
  sum = mix(sum, inspect(at, size, depth % 251));
  give(at);
  return sum;
}

/* `times` times a page of its own, with blocks made before and after; the pages are looked at in the end. */
EXPORT(grow_myself) word grow_myself(word seed, word times) {
  static unsigned char *pages[64];
  word sum = seed;
  if (times > 64) times = 64;
  for (word i = 0; i < times; i++) {
    word before = __builtin_wasm_memory_grow(0, 1);
    if (before == (word)-1) {
      failed++;
      return 0;
    }
    pages[i] = (unsigned char *)(before * PAGE);
    paint(pages[i], PAGE, i);
    sum = mix(sum, random_life(seed + i, 300));
  }
  for (word i = 0; i < times; i++) sum = mix(sum, inspect(pages[i], PAGE, i));
  return sum;
}

EXPORT(large_blocks) word large_blocks(word seed, word count) {
  static struct slot large[LARGE];
  word sum = seed;
  seed_with(seed);
  for (word i = 0; i < count; i++) {
    struct slot *slot = &large[below(LARGE)];
    if (slot->at != 0) {
      sum = mix(sum, inspect(slot->at, 64, slot->mark));
      sum = mix(sum, inspect(slot->at + slot->size - 64, 64, slot->mark));
      give(slot->at);
    }
    slot->size = PAGE + below(1024 * 1024 - PAGE);
    slot->mark = below(251);
    slot->at = take(slot->size);
    if (slot->at == 0) continue;
    paint(slot->at, 64, slot->mark);
    paint(slot->at + slot->size - 64, 64, slot->mark);
  }
  for (word i = 0; i < LARGE; i++) {
    if (large[i].at != 0) give(large[i].at);
    large[i].at = 0;
  }
  return sum;
}

/* Words 0, 1, 2 ... appended to a block that is made larger by a half when it is full. */
EXPORT(vector) word vector(word count) {
  word *at = 0;
  word room = 0, sum = 0;
  for (word i = 0; i < count; i++) {
    if (i == room) {
      room += room / 2 + 4;
      at = take_more(at, 4 * room);
      if (at == 0) return 0;
    }
    at[i] = i;
  }
  for (word i = 0; i < count; i++) sum = mix(sum, at[i]);
  give(at);
  return sum;
}

/* blocks that stay; each begins with the address of the one held before */

struct held {
  struct held *next;
};

static struct held *held;

/* `count` blocks of `size` bytes (4 or more) more; answers the address of the last one. */
EXPORT(hold) word hold(word size, word count) {
  for (word i = 0; i < count; i++) {
    struct held *block = take(size);
    if (block == 0) break;
    block->next = held;
    held = block;
  }
  return (word)held;
}
/* Answers how many there were. */
EXPORT(drop_held) word drop_held(void) {
  word count = 0;
  while (held != 0) {
    struct held *next = held->next;
    give(held);
    held = next;
    count++;
  }
  return count;
}
