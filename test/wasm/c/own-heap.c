/*
 * own-heap: malloc and its kin, but not dlmalloc's: first fit on one list in order of address.
 *
 *   heap    | SIZE | payload ... | SIZE | payload ... |     SIZE in bytes with this head, a multiple of 16
 *   free    | SIZE | NEXT | ...                             NEXT the free block at the next higher address
 *
 * A head is 16 bytes, so payloads are at multiples of 16. Memory comes by pages from memory.grow and never goes back.
 * Aligned blocks have a second head right before their payload: its SIZE is 0, and BACK says how far back the true one is.
 *
 * alloc, free O(free blocks)
 */
#include "program.h"

enum { HEAD = 16, PAGE_BYTES = 65536 };

struct block {
  word size;
  struct block *next;
  word back;
  word spare;
};

static struct block *first_free;

static struct block *head_of(void *at) {
  struct block *block = (struct block *)((char *)at - HEAD);
  return block->size != 0 ? block : (struct block *)((char *)block - block->back);
}

STEP void file_away(struct block *block) {
  struct block **link = &first_free;
  struct block *before = 0;
  while (*link != 0 && *link < block) {
    before = *link;
    link = &before->next;
  }
  if (*link == block) return; /* freed twice */
  block->next = *link;
  *link = block;
  if (block->next != 0 && (char *)block + block->size == (char *)block->next) {
    block->size += block->next->size;
    block->next = block->next->next;
  }
  if (before != 0 && (char *)before + before->size == (char *)block) {
    before->size += block->size;
    before->next = block->next;
  }
}

STEP int take_pages(word bytes) {
  word pages = (bytes + PAGE_BYTES - 1) / PAGE_BYTES;
  word before = __builtin_wasm_memory_grow(0, pages);
  if (before == (word)-1) return 0;
  struct block *block = (struct block *)(before * PAGE_BYTES);
  block->size = pages * PAGE_BYTES;
  file_away(block);
  return 1;
}

STEP struct block *first_fit(word bytes) {
  for (struct block **link = &first_free; *link != 0; link = &(*link)->next) {
    struct block *block = *link;
    if (block->size < bytes) continue;
    *link = block->next;
    if (block->size - bytes >= 2 * HEAD) {
      struct block *rest = (struct block *)((char *)block + bytes);
      rest->size = block->size - bytes;
      block->size = bytes;
      file_away(rest);
    }
    return block;
  }
  return 0;
}

__attribute__((noinline)) void *malloc(size_t size) {
  if (size > 0x7fff0000) return 0;
  word bytes = (size + HEAD + 15) & ~15u;
  if (bytes < 2 * HEAD) bytes = 2 * HEAD;
  struct block *block = first_fit(bytes);
  if (block == 0 && take_pages(bytes)) block = first_fit(bytes);
  return block == 0 ? 0 : (char *)block + HEAD;
}

__attribute__((noinline)) void free(void *at) {
  if (at != 0) file_away(head_of(at));
}

__attribute__((noinline)) size_t malloc_usable_size(void *at) {
  struct block *block = head_of(at);
  return block->size - ((char *)at - (char *)block);
}

__attribute__((noinline)) void *calloc(size_t count, size_t each) {
  unsigned long long bytes = (unsigned long long)count * each;
  void *at = bytes > 0x7fff0000 ? 0 : malloc(bytes);
  return at == 0 ? 0 : memset(at, 0, bytes);
}

__attribute__((noinline)) void *realloc(void *old, size_t size) {
  word had = old == 0 ? 0 : malloc_usable_size(old);
  if (old != 0 && size <= had) return old;
  void *at = malloc(size);
  if (at == 0 || old == 0) return at;
  memcpy(at, old, had);
  free(old);
  return at;
}

__attribute__((noinline)) void *aligned_alloc(size_t alignment, size_t size) {
  char *at = malloc(size + alignment + HEAD);
  if (at == 0 || (word)at % alignment == 0) return at;
  char *there = (char *)(((word)at + HEAD + alignment - 1) & -alignment);
  struct block *mark = (struct block *)(there - HEAD);
  mark->size = 0;
  mark->back = (char *)mark - (at - HEAD);
  return there;
}

__attribute__((noinline)) int posix_memalign(void **where, size_t alignment, size_t size) {
  void *at = aligned_alloc(alignment, size);
  if (at == 0) return 48;
  *where = at;
  return 0;
}
