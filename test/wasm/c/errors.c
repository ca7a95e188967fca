/*
 * errors: one exported function for each mistake with memory that fills, guards and a quarantine can see.
 *
 * Each makes its block through one chain of calls and errs at the end of another, so that stacks can be compared:
 *
 *   made by      load_config -> read_section -> new_buffer -> malloc      (new_table calloc, new_page aligned_alloc ...)
 *   written by   parse_header -> copy_name -> put_bytes
 *   freed by     close_session -> drop_buffer -> free
 *   grown by     extend_section -> resize_block -> realloc                the only call of realloc there is
 *
 * Afterwards last_block() is the payload that the mistake concerns, last_size() the bytes that were asked for it, and
 * last_place() the first byte that was touched wrongly, or the address that was handed over wrongly. Blocks that were
 * written outside stay live: release_last() frees such a one. Unless said otherwise the answer is last_block().
 *
 * New payloads are filled with FILL, wrong bytes are WRONG; a neighbour on either side keeps blocks from being merged
 * with what is free around them, and those are freed by release_neighbours().
 */
#include "program.h"

enum { FILL = 0x5a, WRONG = 0x07 };

static char *last_at, *last_wrong;
static word last_bytes;
static char *neighbours[2];
static char static_buffer[64] __attribute__((aligned(16)));

EXPORT(last_block) word last_block(void) { return (word)last_at; }
EXPORT(last_size) word last_size(void) { return last_bytes; }
EXPORT(last_place) word last_place(void) { return (word)last_wrong; }

/* making blocks */

STEP char *remember(void *at, word size) {
  last_at = at;
  last_bytes = size;
  last_wrong = 0;
  return at;
}

STEP char *new_buffer(word size) { return remember(malloc(size), size); }
STEP char *new_table(word count, word each) { return remember(calloc(count, each), count * each); }
STEP char *new_page(word alignment, word size) { return remember(aligned_alloc(alignment, size), size); }
STEP char *new_slot(word alignment, word size) {
  void *at = 0;
  return remember(posix_memalign(&at, alignment, size) == 0 ? at : 0, size);
}
STEP char *new_name(const char *text) { return remember(strdup(text), strlen(text) + 1); }

STEP char *read_section(word size) {
  char *at = new_buffer(size);
  memset(at, FILL, size);
  return at;
}

/* Blocks of 40 bytes before and behind hold the one between in its place. */
STEP char *load_config(word size) {
  neighbours[0] = malloc(40);
  char *at = read_section(size);
  neighbours[1] = malloc(40);
  return at;
}

/* erring */

STEP void put_bytes(volatile char *at, word count) {
  for (word i = 0; i < count; i++) at[i] = WRONG;
}
STEP void copy_name(char *at, word count) {
  last_wrong = at;
  put_bytes(at, count);
}
STEP word parse_header(char *at, word count) {
  copy_name(at, count);
  return (word)last_at;
}

/* growing and freeing */

STEP char *resize_block(char *at, word size) { return realloc(at, size); }
STEP char *extend_section(char *at, word size) {
  char *more = resize_block(at, size);
  if (more != 0) remember(more, size);
  return more;
}

STEP void drop_buffer(char *at) { free(at); }
STEP void close_session(char *at) {
  last_wrong = at;
  drop_buffer(at);
}
STEP void close_again(char *at) {
  last_wrong = at;
  drop_buffer(at);
}

EXPORT(release_last) void release_last(void) {
  close_session(last_at);
  last_at = 0;
}
EXPORT(release_neighbours) void release_neighbours(void) {
  for (int i = 0; i < 2; i++) {
    free(neighbours[i]);
    neighbours[i] = 0;
  }
}

/* bytes behind a block; 1, 4 or as many as said */

EXPORT(overrun_by_one) word overrun_by_one(word size) { return parse_header(load_config(size) + size, 1); }
EXPORT(overrun_by_four) word overrun_by_four(word size) { return parse_header(load_config(size) + size, 4); }
EXPORT(overrun_by) word overrun_by(word size, word count) { return parse_header(load_config(size) + size, count); }
/* One byte, `distance` bytes behind the end. */
EXPORT(overrun_behind) word overrun_behind(word size, word distance) {
  return parse_header(load_config(size) + size + distance, 1);
}
/* An array of `count` words, filled from 0 up to and with `count`. */
EXPORT(overrun_loop) word overrun_loop(word count) {
  volatile word *numbers = (volatile word *)load_config(4 * count);
  for (word i = 0; i <= count; i++) numbers[i] = i;
  last_wrong = (char *)(numbers + count);
  return (word)last_at;
}
/* A text of `length` letters into as many bytes: its NUL lies behind. The byte that was there was none. */
EXPORT(missing_nul) word missing_nul(word length) {
  char *text = malloc(length + 1);
  memset(text, 'a', length);
  text[length] = 0;
  char *at = load_config(length);
  last_wrong = at + length;
  strcpy(at, text);
  free(text);
  return (word)at;
}
EXPORT(overrun_calloc) word overrun_calloc(word count, word each) {
  return parse_header(new_table(count, each) + count * each, 1);
}
/* Grown from `size` to `more` bytes; one byte behind those. */
EXPORT(overrun_realloc) word overrun_realloc(word size, word more) {
  return parse_header(extend_section(load_config(size), more) + more, 1);
}
/* Shrunk from `size` to `less` bytes; then written up to the old length. */
EXPORT(overrun_shrunk) word overrun_shrunk(word size, word less) {
  return parse_header(extend_section(load_config(size), less) + less, size - less);
}
EXPORT(overrun_aligned) word overrun_aligned(word alignment, word size) {
  return parse_header(new_page(alignment, size) + size, 1);
}
EXPORT(overrun_posix) word overrun_posix(word alignment, word size) {
  return parse_header(new_slot(alignment, size) + size, 1);
}
/* A copy of a text of `length` letters (63 at most); one byte behind its NUL. */
EXPORT(overrun_strdup) word overrun_strdup(word length) {
  char text[64];
  memset(text, 'a', length);
  text[length] = 0;
  return parse_header(new_name(text) + length + 1, 1);
}
/* Answers the byte read behind the block. */
EXPORT(read_overrun) word read_overrun(word size) {
  last_wrong = load_config(size) + size;
  return *(volatile unsigned char *)last_wrong;
}

/* bytes before a block */

EXPORT(underrun_by_one) word underrun_by_one(word size) { return parse_header(load_config(size) - 1, 1); }
EXPORT(underrun_by_four) word underrun_by_four(word size) { return parse_header(load_config(size) - 4, 4); }
EXPORT(underrun_by) word underrun_by(word size, word count) { return parse_header(load_config(size) - count, count); }

/* after free */

EXPORT(write_after_free) word write_after_free(word size, word offset) {
  char *at = load_config(size);
  close_session(at);
  return parse_header(at + offset, 1);
}
/* One byte behind a block that was freed. */
EXPORT(write_beside_free) word write_beside_free(word size) {
  char *at = load_config(size);
  close_session(at);
  return parse_header(at + size, 1);
}
/* Through the old address of a block that realloc moved; last_block() and last_size() are the
   old ones; answers the new block, which stays live, and is the old one where that grew in place: then nothing was wrong. */
EXPORT(write_after_realloc) word write_after_realloc(word size, word more) {
  char *at = load_config(size);
  char *moved = extend_section(at, more);
  remember(at, size);
  if (moved != at) parse_header(at, 1);
  return (word)moved;
}
/* Answers the word in the middle of the freed payload (size 32 or more), 0x5a5a5a5a when nothing has changed it. */
EXPORT(read_after_free) word read_after_free(word size) {
  char *at = load_config(size);
  close_session(at);
  last_wrong = at + (size / 2 & ~3u);
  return *(volatile word *)last_wrong;
}
/* Answers the word in the middle of a payload that nobody wrote, 0 in a heap that is new. */
EXPORT(read_new) word read_new(word size) {
  char *at = new_buffer(size);
  last_wrong = at + (size / 2 & ~3u);
  return *(volatile word *)last_wrong;
}

/* free and realloc of what cannot be freed */

EXPORT(double_free) word double_free(word size) {
  char *at = load_config(size);
  close_session(at);
  close_again(at);
  return (word)at;
}
/* With `calls` blocks of other sizes made and freed between. */
EXPORT(double_free_later) word double_free_later(word size, word calls) {
  char *at = load_config(size);
  close_session(at);
  for (word i = 0; i < calls; i++) drop_buffer(malloc(2 * size + 64 + i % 256));
  close_again(at);
  return (word)at;
}
/* Another block may have got the memory meanwhile: answers its address, which is last_block() where it has. */
EXPORT(double_free_reused) word double_free_reused(word size) {
  char *at = load_config(size);
  close_session(at);
  char *other = malloc(size);
  close_again(at);
  return (word)other;
}
EXPORT(free_inside) word free_inside(word size, word offset) {
  char *at = load_config(size);
  close_session(at + offset);
  return (word)at;
}
EXPORT(free_static) word free_static(void) {
  remember(static_buffer, sizeof static_buffer);
  close_session(static_buffer + 16);
  return (word)static_buffer;
}
EXPORT(free_stack) word free_stack(void) {
  char local[64] __attribute__((aligned(16)));
  memset(local, FILL, sizeof local);
  remember(local, sizeof local);
  close_session(local + 16);
  return (word)last_at;
}
EXPORT(free_address) void free_address(word at) { close_session((char *)at); }
/* Answers what realloc answered. */
EXPORT(realloc_freed) word realloc_freed(word size, word more) {
  char *at = load_config(size);
  close_session(at);
  return (word)resize_block(at, more);
}
EXPORT(realloc_inside) word realloc_inside(word size, word offset, word more) {
  char *at = load_config(size);
  last_wrong = at + offset;
  return (word)resize_block(at + offset, more);
}
EXPORT(realloc_static) word realloc_static(word more) {
  remember(static_buffer, sizeof static_buffer);
  last_wrong = static_buffer + 16;
  return (word)resize_block(static_buffer + 16, more);
}

/* leaks */

STEP void forget_section(word size) { memset(new_buffer(size), FILL, size); }

/* `count` blocks of `size` bytes; answers the bytes in all. */
EXPORT(leak) word leak(word size, word count) {
  for (word i = 0; i < count; i++) forget_section(size);
  return size * count;
}
/* One block that was grown from `size` to `more` and then forgotten. */
EXPORT(leak_grown) word leak_grown(word size, word more) {
  extend_section(new_buffer(size), more);
  return more;
}

struct link {
  struct link *next;
  char name[12];
};

/* A list of `count` links of 16 bytes of which only the first is freed; answers the bytes of the rest. */
EXPORT(leak_list) word leak_list(word count) {
  struct link *head = 0;
  for (word i = 0; i < count; i++) {
    struct link *link = (struct link *)new_buffer(sizeof(struct link));
    link->next = head;
    head = link;
  }
  if (head == 0) return 0;
  drop_buffer((char *)head);
  return (count - 1) * sizeof(struct link);
}

/* All of it well done: what load_config made is written inside and freed. Answers the bytes written. */
EXPORT(no_error) word no_error(word size) {
  parse_header(load_config(size), size);
  release_last();
  release_neighbours();
  return size;
}
