/*
 * side: a module for a dynamic linker. It has a dylink.0 section, imports memory, table, __memory_base, __table_base and
 * __stack_pointer, and malloc and free from the main module.
 */
#include "program.h"

static word made;

EXPORT(side_made) word side_made(void) { return made; }

/* `count` blocks of `size` bytes, each freed; answers the sum of their first bytes. */
EXPORT(side_life) word side_life(word size, word count) {
  word sum = 0;
  for (word i = 0; i < count; i++) {
    volatile unsigned char *at = malloc(size);
    if (at == 0) return 0;
    *at = i;
    sum += *at;
    free((void *)at);
    made++;
  }
  return sum;
}
/* Answers a block of `size` bytes that the caller frees. */
EXPORT(side_block) word side_block(word size) { return (word)malloc(size); }
